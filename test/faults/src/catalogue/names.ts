import { maxAge } from '@grpc-manifold/connection-policy';
import { NameServer, startFaultProxy } from '@grpc-manifold/testing';
import type { Fault } from '../fault.js';
import { BYSTANDERS, POOL_SIZE, Scene, VICTIM, type SceneSetting } from '../scene.js';
import type { Servers } from '../servers.js';
import { WatchedPolicy } from '../watched-policy.js';
import { connectFault, GROWING } from './connect-fault.js';

/** A unary call that is answered by headers, and by its message when its connection has long been replaced. */
const BRIEF = { hang: false, delayMs: 1_000 };

const ADDRESS = '127.0.0.1';
/** Another address of the same machine: a name has no ports, so a server that moves keeps its own. */
const NEW_ADDRESS = '127.0.0.2';

/** A scene whose pool knows its server by a name, and the DNS server that knows this. */
async function named(servers: Servers, pool: SceneSetting['pool'] = {}): Promise<{ scene: Scene; names: NameServer }> {
  // grpc-js asks a DNS server by its own client only then, and reads this when it is loaded.
  if (process.env['GRPC_NODE_USE_ALTERNATIVE_RESOLVER'] !== 'true') {
    throw new Error('GRPC_NODE_USE_ALTERNATIVE_RESOLVER=true must be set before grpc-js is loaded');
  }
  const names = await NameServer.start();
  names.addresses = [ADDRESS];
  const scene = await Scene.open({
    upstream: await servers.plain(),
    pool,
    target: ({ port }) => `dns://${names.authority}/server.test:${port}`,
  });
  scene.own(names);
  return { scene, names };
}

const FAILING = connectFault({
  title: 'DNS fails',
  tag: 'name-resolution',
  isLive: true,
  reachesProxy: false,
  prepare: (servers) => servers.plain(),
  async open(servers) {
    const { scene, names } = await named(servers, GROWING);
    scene.outage = {
      begin: () => void (names.addresses = []),
      end: () => void (names.addresses = [ADDRESS]),
    };
    return scene;
  },
});

/** The name of a server leads to another address, where the same server is. */
function changing(title: string, change: Pick<Fault, 'play' | 'expected'>, makePolicy?: () => WatchedPolicy): Fault {
  return {
    title,
    isLive: true,
    prepare: (servers) => servers.plain(),
    async open(servers) {
      const policy = makePolicy?.();
      const { scene, names } = await named(servers, policy === undefined ? {} : { policies: [policy] });
      const { port } = scene.proxy;
      const elsewhere = scene.own(await startFaultProxy(await servers.plain(), { host: NEW_ADDRESS, port }));
      scene.connectionsElsewhere = () => elsewhere.acceptedConnections;
      scene.outage = {
        begin() {
          names.addresses = [NEW_ADDRESS];
          if (policy !== undefined) policy.isOn = true;
        },
        end: () => undefined,
      };
      return scene;
    },
    ...change,
  };
}

const CHANGING = changing('DNS changes', {
  async play(scene, kind) {
    await scene.warmUp();
    await scene.standBy(BYSTANDERS);
    await scene.begun('in flight', kind, { member: VICTIM });
    await scene.outage.begin();
    scene.struck();
    scene.connection(VICTIM).end();
    // The connection that replaces it goes to the new address; the others stay where they work.
    await scene.until(() => scene.touchedIds.length > 0);
    scene.begin('begun after', kind);
  },
  expected: () => ({
    saw: { 'in flight': 'UNAVAILABLE dropped', 'begun after': 'OK' },
    lastFault: 'dropped',
    touched: 1,
    connections: 4,
    elsewhere: 1,
  }),
});

const CHANGING_WITH_MAX_AGE = changing(
  'DNS changes, with `maxAge()`',
  {
    async play(scene, kind) {
      await scene.warmUp();
      const calls = [];
      for (const member of scene.readyIds) {
        calls.push(await scene.begun('in flight', kind, { member, request: kind === 'unary' ? BRIEF : {} }));
      }
      scene.struck();
      await scene.outage.begin();
      // Every connection is replaced before it drains, and its calls end as their server wants.
      await scene.until(() => scene.touchedIds.length === POOL_SIZE);
      for (const call of calls) void call.finish();
      scene.begin('begun after', kind);
    },
    expected: () => ({
      saw: { 'in flight': 'OK', 'begun after': 'OK' },
      touched: POOL_SIZE,
      connections: 2 * POOL_SIZE,
      elsewhere: POOL_SIZE,
    }),
  },
  () => {
    const policy = new WatchedPolicy(maxAge({ maxAgeMs: 200 }));
    policy.isOn = false;
    return policy;
  },
);

/** The name of a server cannot be resolved, or leads somewhere else than before. */
export const NAMES: readonly Fault[] = [FAILING, CHANGING, CHANGING_WITH_MAX_AGE];
