import { Client, credentials, type ChannelInterface, type ClientOptions } from '@grpc/grpc-js';

/** What a client is made with beside its channel. */
export const CLIENT_FIELDS = ['interceptors', 'interceptor_providers', 'callInvocationTransformer'] as const;

export type ClientField = (typeof CLIENT_FIELDS)[number];

type Transformer = NonNullable<ClientOptions['callInvocationTransformer']>;

/** Where grpc-js keeps what a client was made with: symbols of its own, the same for all clients of one copy. */
let symbols: Readonly<Record<ClientField, symbol>> | undefined;

/**
 * Gives one client the interceptors, interceptor providers or transformer of another. grpc-js shows them to nobody, so
 * where it keeps them is learned from a client that was made for it.
 *
 * @throws Error when this version of grpc-js keeps them elsewhere.
 */
export function copyClientFields(from: Client, to: Client, fields: readonly ClientField[]): void {
  if (fields.length === 0) return;
  symbols ??= learnSymbols();
  for (const field of fields) {
    const symbol = symbols[field];
    (to as unknown as Record<symbol, unknown>)[symbol] = (from as unknown as Record<symbol, unknown>)[symbol];
  }
}

/**
 * Puts another transformer in the place of the one that a client has, if it has any.
 *
 * @throws Error when this version of grpc-js keeps it elsewhere.
 */
export function replaceTransformer(
  client: Client,
  replace: (transformer: Transformer | undefined) => Transformer,
): void {
  symbols ??= learnSymbols();
  const fields = client as unknown as Record<symbol, Transformer | undefined>;
  fields[symbols.callInvocationTransformer] = replace(fields[symbols.callInvocationTransformer]);
}

/**
 * Names what was among the options of a client and did not reach grpc-js, because the class does not hand it on. Empty
 * where this version of grpc-js keeps it elsewhere.
 */
export function missingFields(client: Client, options: Pick<ClientOptions, ClientField>): ClientField[] {
  try {
    symbols ??= learnSymbols();
  } catch {
    return [];
  }
  const symbolOf = symbols;
  const fields = client as unknown as Record<symbol, unknown>;
  return CLIENT_FIELDS.filter((field) => hasAny(options[field]) && !hasAny(fields[symbolOf[field]]));
}

function hasAny(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function learnSymbols(): Record<ClientField, symbol> {
  const values: Required<Pick<ClientOptions, ClientField>> = {
    interceptors: [],
    interceptor_providers: [],
    callInvocationTransformer: (call) => call,
  };
  const client = new Client('looked-at', credentials.createInsecure(), {
    ...values,
    channelOverride: {} as ChannelInterface,
  });
  const symbolOf = (field: ClientField): symbol => {
    const all = Object.getOwnPropertySymbols(client);
    const found = all.find((symbol) => (client as unknown as Record<symbol, unknown>)[symbol] === values[field]);
    if (found === undefined) {
      throw new Error(
        `repool: this version of @grpc/grpc-js does not show what ${field} a client has; ` +
          `give interceptors and callInvocationTransformer as options`,
      );
    }
    return found;
  };
  return {
    interceptors: symbolOf('interceptors'),
    interceptor_providers: symbolOf('interceptor_providers'),
    callInvocationTransformer: symbolOf('callInvocationTransformer'),
  };
}
