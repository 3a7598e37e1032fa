import { InterceptingCall, InterceptorConfigurationError, status, type Interceptor } from '@grpc/grpc-js';

type CallOptions = Parameters<Interceptor>[0];
/** What grpc-js hands to an interceptor to go on with. */
type NextCall = Parameters<Interceptor>[1];

/** Methods that are remembered for one interceptor; the calls of others are looked at each time. */
const MAX_METHODS = 1_000;

/**
 * Tells whether an interceptor stands last, where grpc-js does not say so. The list of a call is among the options of
 * the call. That of a client is not shown, so what follows is asked for a call, which is cancelled before it is
 * started: grpc-js's own intercepting call is what lies below the last interceptor, and an `InterceptingCall` is what
 * another interceptor returns. The answer is remembered by method, since a client's list does not change and providers
 * choose by method.
 */
export class InterceptorPosition {
  readonly #last = new Set<string>();

  /** False where it cannot be told: the client's own channel is closed, or hands out no calls. */
  isFollowed(interceptor: Interceptor, options: CallOptions, nextCall: NextCall): boolean {
    const ofCall = (options.interceptors ?? []).filter(isGiven);
    const place = ofCall.indexOf(interceptor);
    if (place >= 0) return place < ofCall.length - 1;
    if (ofCall.length > 0 || (options.interceptor_providers ?? []).length > 0) {
      return leadsTo(options, nextCall) === 'another';
    }
    const { path } = options.method_definition;
    if (this.#last.has(path)) return false;
    const found = leadsTo(options, nextCall);
    if (found === 'the channel' && this.#last.size < MAX_METHODS) this.#last.add(path);
    return found === 'another';
  }
}

/** grpc-js leaves out what providers return for nothing. */
function isGiven(interceptor: Interceptor | undefined): boolean {
  return Boolean(interceptor);
}

/**
 * Makes a call and ends it before its start: the channel counts it until then, and does not connect for it. It gets
 * neither the deadline nor the parent of the real one, for whose sake grpc-js would set a timer and add a listener.
 */
function leadsTo(options: CallOptions, nextCall: NextCall): 'another' | 'the channel' | 'unknown' {
  const { parent: _parent, credentials: _credentials, ...others } = options;
  let next: unknown;
  try {
    next = nextCall({ ...others, deadline: Infinity });
  } catch (error) {
    // Another `poolInterceptor` that does not stand last either, or a channel that is closed.
    return error instanceof InterceptorConfigurationError ? 'another' : 'unknown';
  }
  try {
    (next as Partial<InterceptingCall>).cancelWithStatus?.(status.CANCELLED, 'Made to see who stands last');
  } catch {
    // Whoever follows may not bear to be cancelled before the start.
  }
  return next instanceof InterceptingCall ? 'another' : 'the channel';
}
