import { credentials } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, idleClose, keepalive, maxAge } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const README = '../../packages/connection-policy/README.md';

it('the README of the policies shows what is run here', async () => {
  expect(examplesOf(README)).toEqual(regionsOf('./policies.test.ts'));
  await using server = await startEchoServer();
  const { target } = server;
  // #region
  const pool = new ChannelPool(target, credentials.createInsecure(), {
    policies: [idleClose({ idleTimeoutMs: 240_000 }), keepalive({ preset: 'aws-nlb' }), maxAge()],
  });
  // #endregion
  const client = createPooledClient(loadEchoPackage().EchoClient, pool);
  await new Promise<void>((resolve, reject) => {
    client.unary({ payload: Buffer.alloc(0) }, (error) => (error === null ? resolve() : reject(error)));
  });
  expect(pool.stats().keepaliveTimeMs).toBe(300_000);
  await pool.drain();
});
