import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

interface SecureConnector {
  /** Asked before the socket is made. */
  waitForReady(): Promise<void>;
  connect(socket: Socket): Promise<{ socket: Socket; secure: boolean }>;
}

/** What is seen of each connection that is made with observed credentials. */
export interface ConnectionObserver {
  /** The TCP socket, and the one that HTTP/2 will speak on: itself, or the TLS socket over it. */
  onSocket(tcp: Socket, http2: Socket): void;
  /** False when no connection is to be made any more: the attempt then never comes to a socket, nor to an end. */
  mayConnect(): boolean;
  /** Asked when TCP is connected: false when the socket is of no more use. */
  mayShakeHands(): boolean;
}

/**
 * Derives credentials that show the socket of each connection before HTTP/2 begins on it, and that make none when they
 * are not to. The original is untouched: this is an object that inherits from it and looks on while it works.
 *
 * `_createSecureConnector` is not part of grpc-js's documented API (1.14.7, channel-credentials.ts). Where it is
 * missing the credentials come back as they are, and the pool does without what it would have seen.
 */
export function observedCredentials(credentials: ChannelCredentials, observer: ConnectionObserver): ChannelCredentials {
  const original: unknown = Reflect.get(credentials, '_createSecureConnector');
  if (typeof original !== 'function') return credentials;
  const createSecureConnector = (...args: unknown[]): SecureConnector => {
    const connector = Reflect.apply(original, credentials, args) as SecureConnector;
    // An error would take the place of that which tells why the connection could not be made.
    const waitForReady = (): Promise<void> =>
      observer.mayConnect() ? connector.waitForReady() : new Promise(() => undefined);
    const connect = async (tcp: Socket): Promise<{ socket: Socket; secure: boolean }> => {
      if (!observer.mayShakeHands()) throw new Error('another address of the target is connected');
      const result = await connector.connect(tcp);
      observer.onSocket(tcp, result.socket);
      return result;
    };
    // grpc-js asks for the call credentials with each call: every method is bound once.
    const methods = new Map<string | symbol, unknown>(Object.entries({ connect, waitForReady }));
    return new Proxy(connector, {
      get(target, key) {
        let method = methods.get(key);
        if (method === undefined) {
          const value: unknown = Reflect.get(target, key);
          method = typeof value === 'function' ? (value.bind(target) as unknown) : value;
          if (typeof value === 'function') methods.set(key, method);
        }
        return method;
      },
    });
  };
  return Object.create(credentials, { _createSecureConnector: { value: createSecureConnector } }) as ChannelCredentials;
}
