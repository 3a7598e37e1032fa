import type { Socket } from 'node:net';

/**
 * Keeps listeners for 'error' and 'close' on a socket until it is closed, even when other code removes all listeners.
 * grpc-js removes its own listeners from a socket that it abandons, and all listeners from a socket of a CONNECT proxy
 * (1.14.7, http_proxy.ts: `removeAllListeners`). The next error of such a socket would be an uncaught exception, and
 * its close would go unnoticed. The listeners are added again in the microtask after they were removed.
 *
 * @param onClosed called once, when the socket is closed. Default: nothing is called.
 */
export function watchSocketClose(socket: Socket, onClosed: () => void = () => undefined): void {
  let isClosed = false;
  let isMissing = false;
  const onError = (): void => undefined;
  // Two listeners: Node 20 emits no 'removeListener' when an event has only one.
  const onErrorToo = (): void => undefined;
  const onClose = (): void => {
    if (isClosed) return;
    isClosed = true;
    onClosed();
  };
  const onRemoved = (_event: unknown, listener: unknown): void => {
    if (isClosed || isMissing || (listener !== onError && listener !== onErrorToo)) return;
    isMissing = true;
    queueMicrotask(() => {
      for (const each of [onError, onErrorToo]) socket.off('error', each);
      socket.off('close', onClose);
      socket.off('removeListener', onRemoved);
      isMissing = false;
      if (socket.closed) onClose();
      else listen();
    });
  };
  const listen = (): void => {
    for (const each of [onError, onErrorToo]) socket.on('error', each);
    socket.on('close', onClose);
    socket.on('removeListener', onRemoved);
  };
  listen();
}
