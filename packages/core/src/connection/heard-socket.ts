import type { Socket } from 'node:net';

/**
 * Hears a socket to its end, whoever takes its listeners off. grpc-js takes its own off a socket that it gives up, and everybody's
 * off one that comes from a CONNECT proxy (1.14.7, http_proxy.ts: `removeAllListeners`). The next error of such a socket
 * would be an uncaught exception, and its end would be told to nobody. Here the listeners come back in the microtask after they were
 * taken off.
 *
 * @param onClosed called once, when the socket is closed. Default: nobody is told.
 */
export function hearSocket(socket: Socket, onClosed: () => void = () => undefined): void {
  let isClosed = false;
  let isMissing = false;
  const onError = (): void => undefined;
  // Node 20 does not announce that the only listener of an event was removed: there are two.
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
