import { keepalive } from '@grpc-manifold/connection-policy';
import type { ProxyDirection } from '@grpc-manifold/testing';
import type { ChannelPoolOptions } from 'grpc-manifold';
import type { Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';
import type { Servers } from '../servers.js';
import { WatchedPolicy } from '../watched-policy.js';

/** Shorter than anybody should set them, for a test that is short; long enough for a server on a busy machine. */
const IMPATIENT = { timeMs: 100, timeoutMs: 1_000, belowMinimum: 'allow' } as const;

/**
 * A scene whose policy begins with the fault: before it, a connection that gets no call for a while is nothing to
 * doubt.
 */
async function openHole(
  servers: Servers,
  direction: ProxyDirection,
  pool: ChannelPoolOptions = {},
): Promise<{ scene: Scene; policy: WatchedPolicy }> {
  const policy = new WatchedPolicy(keepalive(IMPATIENT));
  policy.isOn = false;
  const scene = await Scene.open({ upstream: await servers.plain(), pool: { ...pool, policies: [policy] } });
  policy.onAction = () => scene.look();
  scene.outage = {
    begin() {
      scene.connection(VICTIM).blackHole(direction);
      policy.isOn = true;
    },
    end: () => undefined,
  };
  return { scene, policy };
}

function active(title: string, direction: ProxyDirection): Fault {
  return {
    title,
    isLive: true,
    sendsPings: true,
    prepare: (servers) => servers.plain(),
    open: async (servers) => (await openHole(servers, direction)).scene,
    async play(scene, kind) {
      await scene.warmUp();
      await scene.standBy(BYSTANDERS);
      await scene.begun('in flight', kind, { member: VICTIM });
      scene.struck();
      await scene.outage.begin();
      scene.begin('begun meanwhile', kind, { member: VICTIM });
      await scene.until(() => scene.touchedIds.length > 0);
      scene.begin('begun after', kind, { member: VICTIM });
    },
    expected: () => ({
      saw: {
        'in flight': 'UNAVAILABLE keepalive-timeout',
        'begun meanwhile': 'UNAVAILABLE keepalive-timeout',
        'begun after': 'OK',
      },
      lastFault: 'keepalive-timeout',
      touched: 1,
      connections: 4,
    }),
  };
}

const IDLE: Fault = {
  title: 'black hole, idle connection',
  isLive: true,
  sendsPings: true,
  prepare: (servers) => servers.plain(),
  async open(servers) {
    // The other connections are full: the call after the pause needs this one.
    const { scene, policy } = await openHole(servers, 'both', { maxStreamsPerChannel: 1 });
    const isInDoubt = (): boolean =>
      policy.actions.some((action) => action.kind === 'verify' && action.channelId === VICTIM);
    // Nobody notices; the pause is over when the connection must be verified.
    scene.outage = { begin: scene.outage.begin, end: () => scene.until(isInDoubt) };
    return scene;
  },
  async play(scene, kind) {
    await scene.warmUp();
    await scene.standBy(BYSTANDERS);
    await scene.outage.begin();
    await scene.outage.end();
    scene.struck();
    await scene.begin('begun after', kind, { member: VICTIM }).outcome;
  },
  expected: () => ({ saw: { 'begun after': 'OK' }, lastFault: 'keepalive-timeout', touched: 1, connections: 4 }),
};

/**
 * Nobody sends a PING. The pool asks for a sign of life because a call is unanswered, and `silenceTimeoutMs` is short.
 */
const UNWATCHED: Fault = {
  title: 'black hole, without `keepalive()`',
  isLive: true,
  prepare: (servers) => servers.plain(),
  async open(servers) {
    const scene = await Scene.open({
      upstream: await servers.plain(),
      pool: { policies: [], silenceTimeoutMs: 1_000 },
    });
    scene.outage = { begin: () => scene.connection(VICTIM).blackHole('both'), end: () => undefined };
    return scene;
  },
  async play(scene, kind) {
    await scene.warmUp();
    await scene.standBy(BYSTANDERS);
    await scene.begun('in flight', kind, { member: VICTIM });
    scene.struck();
    await scene.outage.begin();
    scene.begin('begun meanwhile', kind, { member: VICTIM });
    await scene.until(() => scene.touchedIds.length > 0);
    scene.begin('begun after', kind, { member: VICTIM });
  },
  expected: () => ({
    saw: { 'in flight': 'UNAVAILABLE stalled', 'begun meanwhile': 'UNAVAILABLE stalled', 'begun after': 'OK' },
    lastFault: 'stalled',
    touched: 1,
    connections: 4,
  }),
};

/** A connection is there and nothing comes through, or in one direction only. */
export const BLACK_HOLES: readonly Fault[] = [
  IDLE,
  UNWATCHED,
  active('black hole, active connection', 'both'),
  active('half open, nothing gets to the server', 'to-server'),
  active('half open, nothing gets to the client', 'to-client'),
];
