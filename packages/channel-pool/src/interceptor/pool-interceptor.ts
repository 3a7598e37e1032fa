import { inspect } from 'node:util';
import {
  InterceptingCall,
  InterceptorConfigurationError,
  type ChannelInterface,
  type Interceptor,
} from '@grpc/grpc-js';
import { mustNotBeInterceptor } from '@grpc-manifold/core/internal';
import { ChannelPool } from '../channel-pool.js';
import { InterceptorPosition } from './interceptor-position.js';
import { PoolInterceptingCall } from './pool-intercepting-call.js';
import { SharedChannel } from '../shared-channel.js';

/**
 * Makes an interceptor that sends the calls of an existing client through a pool instead of the client's own channel:
 * metadata, call credentials, deadline, host, parent, serialization and the semantics of each kind of call stay. It
 * must be the last in the list, of a client or of a call; where another follows, each call throws an
 * `InterceptorConfigurationError`. Make one for each client: with the first call of each method it looks where it
 * stands in the list of the client, and it looks no more once it stood last.
 *
 * The client's own channel stays unconnected. Closing the client leaves the pool and the calls on it as they are; give
 * `pool.share()` instead of the pool to be able to end them apart from those of others.
 *
 * @throws TypeError when it is not given a pool.
 */
export function poolInterceptor(pool: ChannelPool | SharedChannel): Interceptor {
  if (typeof pool === 'object' && (pool as object | null) !== null) mustNotBeInterceptor('poolInterceptor', pool);
  if (!(pool instanceof ChannelPool || pool instanceof SharedChannel)) {
    throw new TypeError(
      `poolInterceptor: pool must be a ChannelPool, or what its share() returns, got ${inspect(pool)}`,
    );
  }
  const position = new InterceptorPosition();
  const interceptor: Interceptor = (options, nextCall) => {
    const { method_definition: method, host, parent, propagate_flags: flags, credentials } = options;
    if ((method as object | undefined) === undefined) {
      throw new InterceptorConfigurationError(
        'poolInterceptor: an interceptor before it has dropped method_definition from the options of the call; ' +
          'hand on { ...options } with what is to be changed',
      );
    }
    if (position.isFollowed(interceptor, options, nextCall)) {
      throw new InterceptorConfigurationError(
        `poolInterceptor: it must be the last interceptor, but another one follows that ${method.path} would never ` +
          `reach; move poolInterceptor to the end of the list`,
      );
    }
    const deadline = options.deadline ?? Infinity;
    const call = pool.createCall(method.path, deadline, host, (parent ?? null) as ParentCall, flags);
    if (credentials) call.setCredentials(credentials);
    return new InterceptingCall(new PoolInterceptingCall(call, method));
  };
  return interceptor;
}

type ParentCall = Parameters<ChannelInterface['createCall']>[3];
