import { Client, credentials, type ChannelInterface, type ClientOptions } from '@grpc/grpc-js';
import { mustBeClientClass, nameOf, type ClientClass } from './client-class.js';
import { missingFields } from './client-fields.js';

const INSTEAD = 'put poolInterceptor(pool) last among its interceptors instead';

/**
 * Makes a client over a channel. Where its class does not do with its options what generated classes do, what was
 * opened is closed again: the client, which may have a channel of its own, and the given channel.
 *
 * @param where the function of ours that the user called.
 * @throws TypeError when the class is no client class, cannot be made by (address, credentials, options), or keeps the
 * options from grpc-js.
 */
export function buildClient<C extends Client>(
  where: string,
  Class: ClientClass<C>,
  channel: ChannelInterface,
  options: ClientOptions,
): C {
  let client: C | undefined;
  try {
    mustBeClientClass(where, Class);
    client = construct(where, Class, channel, options);
    mustTakeOptions(where, nameOf(Class), client, channel, options);
    return client;
  } catch (error) {
    // An RPC may be called Close, and then hides the method of the client.
    if (client instanceof Client) Client.prototype.close.call(client);
    channel.close();
    throw error;
  }
}

function construct<C extends Client>(
  where: string,
  Class: ClientClass<C>,
  channel: ChannelInterface,
  options: ClientOptions,
): C {
  try {
    // grpc-js reads neither address nor credentials when it is given a channel, but generated classes demand them.
    return new Class(channel.getTarget(), credentials.createInsecure(), { ...options, channelOverride: channel });
  } catch (cause) {
    throw new TypeError(
      `${where}: ${nameOf(Class)} could not be made by (address, credentials, options), as generated classes are: ${String(cause)}`,
      { cause },
    );
  }
}

function mustTakeOptions(
  where: string,
  name: string,
  client: unknown,
  channel: ChannelInterface,
  options: ClientOptions,
): void {
  if (!(client instanceof Client)) {
    throw new TypeError(`${where}: ${name} makes no client of @grpc/grpc-js; give a generated client class`);
  }
  if (Client.prototype.getChannel.call(client) !== channel) {
    throw new TypeError(
      `${where}: ${name} does not hand its third argument to grpc.Client as options, so it cannot be given the pool; ${INSTEAD}`,
    );
  }
  const missing = missingFields(client, options);
  if (missing.length > 0) {
    throw new TypeError(
      `${where}: ${name} does not hand ${missing.join(' and ')} of its third argument to grpc.Client; ${INSTEAD}`,
    );
  }
}
