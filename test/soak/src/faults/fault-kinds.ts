import type { ProxiedConnection, ProxyDirection } from '@grpc-manifold/testing';
import type { Draw } from '../draw.js';
import type { Origin } from './origin.js';
import { WallClock } from './wall-clock.js';

/** How often each fault comes, against the others. */
export const FAULT_WEIGHTS = {
  'black hole': 4,
  'black hole to the server': 3,
  'black hole to the client': 3,
  reset: 4,
  fin: 4,
  slow: 4,
  refused: 2,
  'silent from the start': 2,
  'server killed': 2,
  'server stopped': 2,
  'another limit of streams': 3,
  pause: 2,
  burst: 2,
  'process frozen': 1,
  'wall clock set': 2,
  'sent away each second': 2,
} as const;
export type FaultName = keyof typeof FAULT_WEIGHTS;

/** What a fault has to work with. */
export interface FaultScene {
  readonly draw: Draw;
  /** The server that it is to strike, and a connection to it, when there is one. */
  readonly origin: Origin;
  readonly connection: ProxiedConnection | undefined;
  /** Says that calls on a connection may fail for it. */
  touch(connection: ProxiedConnection): void;
  /** Says so of every connection to the server, and of those made while the fault lasts. */
  touchAll(): void;
  /** Multiplies the calls that are made. */
  setLoad(factor: number): void;
}

/**
 * What ends a fault, and how many milliseconds from its beginning. Undefined: it is over at once, or found nothing to
 * do.
 */
export type Undo = { readonly afterMs: number; undo(): void | Promise<void> } | undefined;

/** Faults that strike a server as a whole; one server at a time, so that there is always one to go to. */
export const STRIKES_SERVER: ReadonlySet<FaultName> = new Set([
  'refused',
  'silent from the start',
  'server killed',
  'server stopped',
  'sent away each second',
]);

/** Begins each fault. */
export const BEGIN: Readonly<Record<FaultName, (scene: FaultScene) => Undo | Promise<Undo>>> = {
  'black hole': (scene) => blackHole(scene, 'both'),
  'black hole to the server': (scene) => blackHole(scene, 'to-server'),
  'black hole to the client': (scene) => blackHole(scene, 'to-client'),
  reset: (scene) => atOnce(scene, (connection) => connection.reset()),
  fin: (scene) => atOnce(scene, (connection) => connection.end()),
  // Late, but always in time for a PING: no call may fail for it.
  slow: ({ draw, connection }) => {
    connection?.delay(draw.whole(20, 200));
    return { afterMs: draw.whole(1_000, 5_000), undo: () => connection?.restore() };
  },
  refused: ({ draw, origin, connection, touch }) => {
    origin.proxy.refuseNew();
    if (connection !== undefined) {
      touch(connection);
      connection.reset();
    }
    return { afterMs: draw.whole(500, 4_000), undo: () => origin.proxy.acceptNew() };
  },
  'silent from the start': ({ draw, origin, connection, touch }) => {
    const silenced: ProxiedConnection[] = [];
    origin.onConnection = (young) => {
      silenced.push(young);
      touch(young);
      young.blackHole();
    };
    if (connection !== undefined) {
      touch(connection);
      connection.end();
    }
    return {
      afterMs: draw.whole(500, 4_000),
      undo: () => {
        origin.onConnection = () => undefined;
        for (const young of silenced) young.restore();
      },
    };
  },
  'server killed': async ({ draw, origin, touch, touchAll }) => {
    touchAll();
    origin.onConnection = touch;
    const afterMs = draw.whole(100, 3_000);
    // It comes back with another limit: SETTINGS that differ from those that were learned.
    const streams = draw.oneOf([10, 40, 100]);
    await origin.kill();
    return {
      afterMs,
      undo: async () => {
        await origin.revive(streams);
        origin.onConnection = () => undefined;
      },
    };
  },
  'server stopped': ({ draw, origin, touch, touchAll }) => {
    touchAll();
    origin.onConnection = touch;
    origin.pause();
    return {
      afterMs: draw.whole(300, 4_000),
      undo: () => {
        origin.onConnection = () => undefined;
        origin.resume();
      },
    };
  },
  // What does not fit any more is refused before it is begun, and tried elsewhere.
  'another limit of streams': ({ draw, origin }) => {
    origin.changeLimit(draw.oneOf([1, 3, 10, 100]));
    return { afterMs: draw.whole(1_000, 5_000), undo: () => origin.changeLimit(40) };
  },
  pause: ({ draw, setLoad }) => {
    setLoad(0);
    return { afterMs: draw.whole(2_000, 4_000), undo: () => setLoad(1) };
  },
  // The whole process, this test and its proxies included; the servers run. The path forgets one flow meanwhile.
  'process frozen': ({ draw, connection, touch }) => {
    if (connection !== undefined) touch(connection);
    connection?.blackHole();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, draw.whole(5_100, 6_000));
    return { afterMs: draw.whole(2_000, 4_000), undo: () => connection?.reset() };
  },
  // As by an administrator, or by a machine that slept. No call may fail for it.
  'wall clock set': ({ draw }) => {
    const clock = WallClock.set(draw.oneOf([-3_600_000, 6_000, 8 * 3_600_000]));
    return { afterMs: draw.whole(1_000, 4_000), undo: () => clock.restore() };
  },
  // As a server with a maximum connection age of a second. No call may fail for it, but for the server's restart.
  'sent away each second': async ({ draw, origin, touch, touchAll }) => {
    touchAll();
    origin.onConnection = touch;
    await origin.kill();
    await origin.revive(40, 1_000);
    origin.onConnection = () => undefined;
    return {
      afterMs: draw.whole(5_000, 10_000),
      undo: async () => {
        touchAll();
        await origin.kill();
        await origin.revive(40);
      },
    };
  },
  burst: ({ draw, setLoad }) => {
    setLoad(5);
    return { afterMs: draw.whole(300, 1_000), undo: () => setLoad(1) };
  },
};

function blackHole({ draw, connection, touch }: FaultScene, direction: ProxyDirection): Undo {
  if (connection === undefined) return undefined;
  touch(connection);
  connection.blackHole(direction);
  const isHealed = draw.chance(0.5);
  return {
    afterMs: draw.whole(300, 6_000),
    undo: () => (isHealed ? connection.restore() : connection.reset()),
  };
}

function atOnce({ connection, touch }: FaultScene, strike: (connection: ProxiedConnection) => void): Undo {
  if (connection === undefined) return undefined;
  touch(connection);
  strike(connection);
  return undefined;
}
