import { Client, credentials, type ChannelInterface, type Interceptor } from '@grpc/grpc-js';

/** What grpc-js hands to an interceptor to go on with. */
type NextCall = Parameters<Interceptor>[1];

const sourceOf = (nextCall: NextCall): string => Function.prototype.toString.call(nextCall);

/** What `nextCall` looks like where another interceptor follows; null where it looks like the last one's. */
let followedSource: string | null | undefined;

/**
 * Tells whether another interceptor follows the one that was given this `nextCall`.
 *
 * grpc-js does not say so, and asking `nextCall` itself would make a call on the client's channel, which is counted there
 * until it is started. But the two kinds of `nextCall` are made at two places, so their source differs: it is compared
 * with that of a `nextCall` which is known to lead to another interceptor, taken from this very copy of grpc-js, bundled
 * or not. It costs a tenth of a microsecond and runs nobody's code. False where it cannot tell: a `nextCall` that somebody
 * has wrapped.
 */
export function isFollowed(nextCall: NextCall): boolean {
  followedSource ??= learnFollowedSource();
  return followedSource !== null && sourceOf(nextCall) === followedSource;
}

function learnFollowedSource(): string | null {
  const followed = sourceOf(nextCallBefore([() => neverRun()]));
  return followed === sourceOf(nextCallBefore([])) ? null : followed;
}

/** Begins a call of a client that has a spy before the given interceptors, and gives it up as soon as the spy is asked. */
function nextCallBefore(following: readonly Interceptor[]): NextCall {
  const asked = new Error('the spy was asked');
  let spied: NextCall | undefined;
  const spy: Interceptor = (_options, nextCall) => {
    spied = nextCall;
    throw asked;
  };
  const client = new Client('spied', credentials.createInsecure(), {
    channelOverride: {} as ChannelInterface,
    interceptors: [spy, ...following],
  });
  const pass = (bytes: Buffer): Buffer => bytes;
  try {
    client.makeUnaryRequest('/spied/Call', pass, pass, Buffer.alloc(0), neverRun);
  } catch (error) {
    if (error !== asked) throw error;
  }
  return spied as NextCall;
}

function neverRun(): never {
  throw new Error('a call that was only looked at went on');
}
