import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { settled } from '@grpc-manifold/testing';
import { watchSocketClose } from './socket-close-watch.js';

function heard(): { socket: Socket; closings: () => number } {
  let closings = 0;
  const socket = new Socket();
  watchSocketClose(socket, () => (closings += 1));
  return { socket, closings: () => closings };
}

describe('watchSocketClose', () => {
  it('calls back once when the socket closes, and its error is no uncaught exception', async () => {
    const { socket, closings } = heard();
    socket.destroy(new Error('lost'));
    await settled();
    expect([socket.closed, closings()]).toEqual([true, 1]);
  });

  it.each([
    ['all listeners', (socket: Socket) => socket.removeAllListeners()],
    ['all listeners twice', (socket: Socket) => socket.removeAllListeners().removeAllListeners()],
    ['those of errors', (socket: Socket) => socket.removeAllListeners('error')],
  ])('does so after somebody has taken off %s', async (_name, takeOff) => {
    const { socket, closings } = heard();
    socket.on('error', () => undefined);
    for (let times = 0; times < 3; times += 1) {
      takeOff(socket);
      await settled();
      expect(socket.listenerCount('error')).toBe(2);
      expect(socket.listenerCount('close')).toBe(1);
      expect(socket.listenerCount('removeListener')).toBe(1);
    }
    socket.destroy(new Error('lost'));
    await settled();
    expect([socket.closed, closings()]).toEqual([true, 1]);
  });

  it('detects a close in the tick in which its listeners were removed', async () => {
    const { socket, closings } = heard();
    socket.destroy();
    socket.removeAllListeners();
    await settled();
    expect([socket.closed, closings()]).toEqual([true, 1]);
  });
});
