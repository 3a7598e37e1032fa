import type { EchoServer } from '@grpc-manifold/testing';
import type { Kind } from '../call-kind.js';
import type { Expected, Fault } from '../fault.js';
import { POOL_SIZE, Scene } from '../scene.js';

/** Everything is gone for a while, and comes back. */
async function play(scene: Scene, kind: Kind): Promise<void> {
  await scene.warmUp();
  for (const member of scene.readyIds) await scene.begun('in flight', kind, { member });
  scene.struck();
  await scene.outage.begin();
  await scene.until(() => scene.touchedIds.length === POOL_SIZE);
  const first = scene.begin('no other connection', kind);
  const patient = scene.begin('wait for ready', kind, { waitForReady: true });
  await first.outcome;
  await scene.outage.end();
  scene.over();
  await patient.outcome;
}

const EXPECTED: Expected = {
  saw: {
    'in flight': 'UNAVAILABLE dropped',
    'no other connection': 'UNAVAILABLE connect-failed',
    'wait for ready': 'OK',
  },
  lastFault: 'connect-failed',
  touched: POOL_SIZE,
  connections: 2 * POOL_SIZE,
};

const SERVER: Fault = {
  title: 'server killed and back',
  isLive: true,
  // Whether the system says by FIN or by RST that a process is gone is up to what that had not read.
  mayBeToldAs: { reset: 'dropped' },
  async open(servers) {
    let server: EchoServer = await servers.start({});
    const { port, target } = server;
    // Not by the proxy, which would answer for a server that is gone.
    const scene = await Scene.open({ upstream: server, target: () => target });
    let connections = 0;
    scene.outage = {
      async begin() {
        connections = (await server.stats()).acceptedSessions;
        await server.kill();
      },
      async end() {
        await server[Symbol.asyncDispose]();
        server = await servers.start({ port });
      },
    };
    scene.connectionsElsewhere = async () => connections + (await server.stats()).acceptedSessions;
    scene.own({ [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
    return scene;
  },
  play,
  expected: () => EXPECTED,
};

const PROXY: Fault = {
  title: 'proxy restarts',
  isLive: true,
  prepare: (servers) => servers.plain(),
  async open(servers) {
    const scene = await Scene.open({ upstream: await servers.plain() });
    scene.outage = {
      begin() {
        scene.proxy.refuseNew();
        for (const connection of scene.proxy.connections) connection.end();
      },
      end: () => scene.proxy.acceptNew(),
    };
    return scene;
  },
  play,
  expected: () => EXPECTED,
};

/** What all connections lead to is gone for a while. */
export const OUTAGES: readonly Fault[] = [SERVER, PROXY];
