import { inspect } from 'node:util';
import { ChannelCredentials } from '@grpc/grpc-js';

/** Checks that a target is text. @throws TypeError */
export function mustBeTarget(target: unknown): asserts target is string {
  if (typeof target !== 'string') throw new TypeError(`ChannelPool: target must be a string, got ${inspect(target)}`);
}

/**
 * Says what to give instead of a URL. grpc-js takes a scheme that nobody resolves for a part of the host name, which
 * then no name server knows; undefined where it has taken the target for what it is.
 *
 * @param taken the target as grpc-js writes it.
 */
export function complaintOfTarget(target: string, taken: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(target) || taken !== `dns:${target}`) return undefined;
  return (
    `ChannelPool: target must be host:port or a name of gRPC such as dns:///host:port, got the URL ${inspect(target)}` +
    withoutScheme(target)
  );
}

/** Checks what a pool is to connect with. @throws TypeError that says what to give instead. */
export function mustBeCredentials(given: unknown): asserts given is ChannelCredentials {
  if (given instanceof ChannelCredentials) return;
  const must = 'ChannelPool: credentials must be ChannelCredentials, as grpc.credentials makes them';
  const { compose, _createSecureConnector: connector } = (given ?? {}) as Record<string, unknown>;
  if (typeof compose === 'function' && typeof connector === 'function') {
    throw new TypeError(
      `${must}, got those of another copy of @grpc/grpc-js than grpc-manifold has; both must use one copy of ` +
        `@grpc/grpc-js, and \`npm ls @grpc/grpc-js\` shows all there are`,
    );
  }
  throw new TypeError(must);
}

function withoutScheme(target: string): string {
  try {
    const { protocol, hostname, port } = new URL(target);
    const isSecure = protocol === 'https:' || protocol === 'grpcs:';
    const instead = `${hostname}:${port === '' ? (isSecure ? 443 : 80) : port}`;
    if (hostname === '') return '';
    return `; give '${instead}' with credentials.${isSecure ? 'createSsl' : 'createInsecure'}()`;
  } catch {
    return '';
  }
}
