import { FakeClock } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import type { EndingStream } from './ending-streams.js';
import { LifeSigns } from './life-signs.js';
import { ResetBudget } from './reset-budget.js';
import { StreamRoom } from './stream-room.js';

class Scene {
  readonly clock = new FakeClock();
  asked = 0;
  bytesRead = 1;
  maxStreams: number | undefined;
  readonly room: StreamRoom;

  constructor() {
    const connection = {
      session: 'open' as const,
      bytesRead: 0,
      ask: () => {
        this.asked += 1;
        return true;
      },
      ping: () => false,
    };
    Object.defineProperty(connection, 'bytesRead', { get: () => this.bytesRead });
    const life = new LifeSigns(this.clock, connection, Infinity, {
      startedCalls: () => this.room.startedCalls,
      onAnswer: () => undefined,
      onDeath: () => undefined,
      onUnverified: () => undefined,
      onStalled: () => undefined,
    });
    const server = { serverLimit: 1_000 };
    this.room = new StreamRoom(this.clock, life, new ResetBudget(0), server, () => this.maxStreams, {
      hasRoom: () => this.room.isFree,
      onRoom: () => undefined,
      onStalled: () => undefined,
    });
  }

  countIn(times: number): void {
    for (let call = 0; call < times; call += 1) this.room.countIn();
  }
}

const stream = (): EndingStream => ({ resetPlace: undefined, reset: () => undefined, awaitReset: () => undefined });

/** All ways in which a call is counted out. */
const ENDINGS = (): Parameters<StreamRoom['countOut']>[0][] => ['answered', 'failed', stream(), undefined];

describe('counting', () => {
  it.each(ENDINGS().map((ending) => ({ ending })))('counts a call out that ended as $ending', ({ ending }) => {
    const { room } = new Scene();
    room.countIn();
    room.countOut(ending);
    expect(room.inFlightCalls).toBe(0);
    expect(room.startedCalls).toBe(1);
    expect(room.failedCalls).toBe(ending === 'failed' ? 1 : 0);
  });

  it.each(ENDINGS().map((ending) => ({ ending })))('throws when there is no call to end as $ending', ({ ending }) => {
    const { room } = new Scene();
    room.countIn();
    room.countOut('answered');
    expect(() => room.countOut(ending)).toThrow('A call was counted out of a connection that has no calls');
    expect(room.inFlightCalls).toBe(0);
    expect(room.usedStreams).toBe(0);
  });
});

describe('a connection that shows no life', () => {
  it('is asked for some at its 50th call, and gets no call beyond its 100th', () => {
    const scene = new Scene();
    scene.countIn(49);
    expect(scene.asked).toBe(0);
    scene.countIn(1);
    expect(scene.asked).toBe(1);
    scene.countIn(49);
    expect(scene.room.isFree).toBe(true);
    scene.countIn(1);
    expect(scene.room.isFree).toBe(false);
  });

  it('sends nothing when it is looked at', () => {
    const scene = new Scene();
    scene.countIn(100);
    const { asked } = scene;
    for (let look = 0; look < 10; look += 1) expect(scene.room.isFree).toBe(false);
    expect(scene.asked).toBe(asked);
  });

  it('gets fifty more calls after bytes that came behind the fiftieth', () => {
    const scene = new Scene();
    scene.countIn(100);
    scene.bytesRead += 1;
    scene.countIn(50);
    expect(scene.room.isFree).toBe(false);
  });

  it('is not held back where the user has set a limit', () => {
    const scene = new Scene();
    scene.maxStreams = 500;
    scene.countIn(499);
    expect(scene.room.isFree).toBe(true);
    expect(scene.asked).toBe(0);
  });
});
