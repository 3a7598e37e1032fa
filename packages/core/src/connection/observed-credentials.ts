import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

interface SecureConnector {
  /** Called before the socket is created. */
  waitForReady(): Promise<void>;
  connect(socket: Socket): Promise<{ socket: Socket; secure: boolean }>;
}

/** Receives the sockets of connections made with observed credentials, and may prevent further ones. */
export interface ConnectionObserver {
  /**
   * Called before HTTP/2 begins on a socket.
   *
   * @param http2 the socket that HTTP/2 uses: the TCP socket itself, or the TLS socket over it.
   */
  onSocket(tcp: Socket, http2: Socket): void;
  /** False when no further connection may be made. The attempt then creates no socket and never ends. */
  mayConnect(): boolean;
  /** Called when TCP is connected. False when the socket is no longer needed. */
  mayShakeHands(): boolean;
}

/**
 * Derives credentials that report the sockets of each connection to the observer and ask it before they connect. The
 * original credentials are unchanged: the derived object inherits from them.
 *
 * `_createSecureConnector` is not part of grpc-js's documented API (1.14.7, channel-credentials.ts). When it is
 * missing, the given credentials are returned, and the pool works without the observations.
 */
export function observedCredentials(credentials: ChannelCredentials, observer: ConnectionObserver): ChannelCredentials {
  const original: unknown = Reflect.get(credentials, '_createSecureConnector');
  if (typeof original !== 'function') return credentials;
  const createSecureConnector = (...args: unknown[]): SecureConnector => {
    const connector = Reflect.apply(original, credentials, args) as SecureConnector;
    // The promise never settles: a rejection would replace the error that explains why the connection failed.
    const waitForReady = (): Promise<void> =>
      observer.mayConnect() ? connector.waitForReady() : new Promise(() => undefined);
    const connect = async (tcp: Socket): Promise<{ socket: Socket; secure: boolean }> => {
      if (!observer.mayShakeHands()) throw new Error('another address of the target is connected');
      const result = await connector.connect(tcp);
      observer.onSocket(tcp, result.socket);
      return result;
    };
    // Methods are bound once and cached: grpc-js reads the call credentials for each call.
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
