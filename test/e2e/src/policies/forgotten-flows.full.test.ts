import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  type EchoClient as Echo,
  type EchoServer,
  leakCheck,
  loadEchoPackage,
  startEchoServer,
  startForgetfulProxy,
  until,
} from '@grpc-manifold/testing';
import { createPooledClient, idleClose } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** With the figures that people meet, or as they are by default, ten times as fast. */
const IS_FULL = process.env['MANIFOLD_FULL'] !== undefined;
const FORGET_AFTER_MS = IS_FULL ? 3_000 : 300;
/** For connections that are closed before: so much later that no pause of a busy machine makes up for it. */
const FORGET_LATER_MS = IS_FULL ? FORGET_AFTER_MS : 2_000;
const IDLE_TIMEOUT_MS = IS_FULL ? 2_000 : 200;
const CYCLES = 20;
/** Each costs a second: the time that a connection has to answer before its first call. */
const CYCLES_WITH_QUESTION = IS_FULL ? 20 : 4;
const TIMEOUT_MS = IS_FULL ? 300_000 : 60_000;

const { EchoClient } = loadEchoPackage();
let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

function ask(client: Echo, timeoutMs = 30_000): Promise<ServiceError | null> {
  return new Promise((resolve) => client.unary({}, { deadline: Date.now() + timeoutMs }, resolve));
}

describe.each(['nothing', 'reset'] as const)('behind a proxy that forgets idle flows and answers with %s', (answer) => {
  const options = { forgetAfterMs: FORGET_AFTER_MS, answer };

  it('the first call after a pause fails without a policy', async () => {
    await using nat = await startForgetfulProxy(server, options);
    await using client = createPooledClient(EchoClient, nat.target, credentials.createInsecure(), {
      policies: [],
      onDispose: 'cancel',
    });
    expect(await ask(client)).toBeNull();
    await until('the proxy', () => nat.forgottenConnections === 1);
    const error = await ask(client, 500);
    expect(error?.code).toBe(answer === 'reset' ? status.UNAVAILABLE : status.DEADLINE_EXCEEDED);
  });

  it(
    'no call fails when connections are closed before: none is ever forgotten',
    async () => {
      const check = leakCheck();
      {
        await using nat = await startForgetfulProxy(server, { ...options, forgetAfterMs: FORGET_LATER_MS });
        await using client = createPooledClient(EchoClient, nat.target, credentials.createInsecure(), {
          minChannels: 0,
          policies: [idleClose({ idleTimeoutMs: IDLE_TIMEOUT_MS })],
        });
        for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
          expect(await ask(client)).toBeNull();
          expect(nat.proxy.acceptedConnections).toBe(cycle);
          await nat.proxy.waitFor(({ openConnections }) => openConnections === 0);
        }
        expect(nat.forgottenConnections).toBe(0);
        expect(client.pool.stats()).toMatchObject({ succeededCalls: CYCLES, failedCalls: 0, state: 'IDLE' });
      }
      await check.expectNothingLeft();
    },
    TIMEOUT_MS,
  );

  it(
    'no call fails when one has to stay: it is asked for life before the call',
    async () => {
      const check = leakCheck();
      {
        await using nat = await startForgetfulProxy(server, options);
        await using client = createPooledClient(EchoClient, nat.target, credentials.createInsecure(), {
          minChannels: 1,
          policies: [idleClose({ idleTimeoutMs: IDLE_TIMEOUT_MS })],
        });
        for (let cycle = 1; cycle <= CYCLES_WITH_QUESTION; cycle += 1) {
          expect(await ask(client)).toBeNull();
          await until('the proxy', () => nat.forgottenConnections === cycle);
        }
        expect(client.pool.stats()).toMatchObject({ succeededCalls: CYCLES_WITH_QUESTION, failedCalls: 0 });
        expect(nat.proxy.acceptedConnections).toBe(CYCLES_WITH_QUESTION);
      }
      await check.expectNothingLeft();
    },
    TIMEOUT_MS,
  );
});
