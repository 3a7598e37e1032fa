import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, settled } from '@grpc-manifold/testing';
import { HandshakeTurns } from './handshake-turns.js';

class TestSocket extends EventEmitter {
  destroyed = false;
  error: Error | undefined;

  destroy(error?: Error): void {
    this.destroyed = true;
    this.error = error;
    this.emit('close');
  }
}

describe('HandshakeTurns', () => {
  let clock: FakeClock;
  let turns: HandshakeTurns;
  let answers: (boolean | undefined)[];
  let sockets: TestSocket[];

  beforeEach(() => {
    clock = new FakeClock();
    turns = new HandshakeTurns(clock);
    answers = [];
    sockets = [];
  });

  async function take(): Promise<TestSocket> {
    const socket = new TestSocket();
    const place = sockets.push(socket) - 1;
    answers[place] = undefined;
    void turns.take(socket as unknown as Socket).then((answer) => (answers[place] = answer));
    await settled();
    return socket;
  }

  function nothingIsLeft(): void {
    expect(clock.pendingTimers).toBe(0);
    for (const socket of sockets) expect(socket.eventNames()).toEqual([]);
  }

  it('gives the first its turn at once', async () => {
    await take();
    expect(answers).toEqual([true]);
    nothingIsLeft();
  });

  it('lets the next one wait until the first is closed', async () => {
    const first = await take();
    await take();
    expect(answers).toEqual([true, undefined]);
    first.destroy();
    await settled();
    expect(answers).toEqual([true, true]);
    nothingIsLeft();
  });

  it('ends a first one that has had its time, with an error', async () => {
    const first = await take();
    await take();
    clock.advance(999);
    await settled();
    expect(first.destroyed).toBe(false);
    clock.advance(1);
    await settled();
    expect(first.error).toMatchObject({ code: 'ECONNRESET' });
    expect(answers).toEqual([true, true]);
    nothingIsLeft();
  });

  it('gives a turn to one of several that wait, and to the others in time', async () => {
    const first = await take();
    await take();
    await take();
    first.destroy();
    await settled();
    expect(answers.filter((answer) => answer === true)).toHaveLength(2);
    clock.advance(1_000);
    await settled();
    expect(answers).toEqual([true, true, true]);
    nothingIsLeft();
  });

  it('wants none that waits, nor any that comes, when one has come to its end', async () => {
    await take();
    await take();
    turns.end();
    await settled();
    await take();
    expect(answers).toEqual([true, false, false]);
    nothingIsLeft();
  });

  it('wants none that is closed while it waits, and hears its error in place of the process', async () => {
    await take();
    const second = await take();
    second.emit('error', new Error('reset'));
    second.destroy();
    await settled();
    expect(answers).toEqual([true, false]);
    nothingIsLeft();
  });
});
