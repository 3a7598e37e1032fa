import { credentials } from '@grpc/grpc-js';
import {
  createPooledClient,
  type ChannelPool,
  type ChannelStateChange,
  type PooledClient,
  type PooledClientOptions,
} from 'grpc-manifold';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';

const { EchoClient: Client } = loadEchoPackage();

/** A client of a pool that has that many connections, all of them ready, and what becomes of those from then on. */
export async function poolOf(
  connections: number,
  target: string,
  options: PooledClientOptions = {},
): Promise<PooledClient<EchoClient> & { readonly changes: ChannelStateChange[] }> {
  const bounds = { minChannels: connections, maxChannels: connections };
  const client = createPooledClient(Client, target, credentials.createInsecure(), {
    onDispose: 'cancel',
    ...bounds,
    ...options,
  });
  await client.pool.warmUp({ channels: connections });
  const changes: ChannelStateChange[] = [];
  client.pool.onChannelStateChange((change) => changes.push(change));
  return Object.assign(client, { changes });
}

/** Resolves when a connection goes from one state to another, to that change. */
export function changed(
  pool: ChannelPool,
  predicate: (change: ChannelStateChange) => boolean,
): Promise<ChannelStateChange> {
  return new Promise((resolve) => {
    const subscription = pool.onChannelStateChange((change) => {
      if (!predicate(change)) return;
      subscription[Symbol.dispose]();
      resolve(change);
    });
  });
}

/** Resolves when that connection gets into a state. */
export function becomes(pool: ChannelPool, id: number, state: ChannelStateChange['to']): Promise<ChannelStateChange> {
  return changed(pool, (change) => change.id === id && change.to === state);
}

/** Changes of state in short. */
export function told(changes: readonly ChannelStateChange[]): string[] {
  return changes.map(({ id, from, to }) => `${id} ${from} → ${to}`);
}
