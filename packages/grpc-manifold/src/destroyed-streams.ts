import type { ClientOptions } from '@grpc/grpc-js';
import { callKindOf } from '@grpc-manifold/core/internal';
import { cancelWhenDestroyed } from '@grpc-manifold/stream-scope/internal';
import { CountedChannel } from './counted-channel.js';

type Transformer = NonNullable<ClientOptions['callInvocationTransformer']>;

/** A client may be made from one that has ours already. */
const ours = new WeakSet<Transformer>();

/**
 * Makes the transformer by which the streams of a client cancel their RPC when they are destroyed, and are listed by
 * `openStreams()`. Unary calls pass untouched.
 *
 * @param first the user's own, which is asked before.
 */
export function cancelDestroyedStreams(first?: Transformer): Transformer {
  if (first !== undefined && ours.has(first)) return first;
  const transformer: Transformer = (given) => {
    const properties = first === undefined ? given : first(given);
    const { methodDefinition } = properties;
    const kind = callKindOf(methodDefinition);
    if (kind === 'unary') return properties;
    const count = cancelWhenDestroyed(properties.call, { method: methodDefinition.path, kind }, transformer);
    return count === undefined ? properties : { ...properties, channel: new CountedChannel(properties.channel, count) };
  };
  ours.add(transformer);
  return transformer;
}
