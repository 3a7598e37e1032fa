import { QUEUE_OPTION_NAMES } from '@grpc-manifold/bounded-queue/internal';

const CLIENT_OPTIONS: readonly string[] = ['interceptors', 'interceptor_providers', 'callInvocationTransformer'];

/** Says where an option belongs that was given to a pool and is none of its own; undefined for what belongs nowhere. */
export function placeOfOption(key: string): string | undefined {
  if (/^grpc[.-]/.test(key)) return `it is an option of grpc-js: channelOptions: { '${key}': … }`;
  if ((QUEUE_OPTION_NAMES as readonly string[]).includes(key)) {
    return `it is an option of the queue: queue: { ${key}: … }`;
  }
  if (CLIENT_OPTIONS.includes(key)) {
    return 'it is an option of a client: give it to createPooledClient, or to the client class';
  }
  if (key === 'threads') {
    return 'createPooledClient takes it; here say channelFactory: threadChannelFactory({ threads })';
  }
  if (/^keep_?alive/i.test(key)) {
    return 'connections are kept alive by a policy: policies: [idleClose(), keepalive({ … })]';
  }
  return undefined;
}
