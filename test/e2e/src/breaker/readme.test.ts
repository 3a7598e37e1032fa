import { credentials } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { circuitBreaker, explain, type BreakerStates } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from '../guides/guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');

describe('the example of the README', () => {
  it('is what is run here', () => {
    expect(examplesOf('../../packages/circuit-breaker/README.md')).toEqual(regionsOf('../breaker/readme.test.ts'));
  });

  it('makes a client with a circuit breaker', async () => {
    await using server = await startEchoServer();
    const { target } = server;
    const told: string[] = [];
    const log = (what: string): unknown => told.push(what);
    const report = (states: BreakerStates): void => {
      const closed = { state: 'closed', calls: 0, failures: 0, errorRatio: 0, slowRatio: 0 };
      expect(states).toEqual({ '/manifold.testing.v1.Echo/Unary': closed });
    };
    let answer!: (...all: unknown[]) => void;
    const answered = new Promise<unknown[]>((resolve) => (answer = (...all) => resolve(all)));
    // #region
    const breaker = circuitBreaker({ slowCallMs: 2_000 });
    breaker.onStateChange(({ key, from, to, reason }) => log(`${key}: ${from} > ${to}, ${reason}`));
    const client = new EchoClient(target, credentials.createInsecure(), { interceptors: [breaker] });
    client.unary({ payload }, { deadline: Date.now() + 30_000 }, (error, response) => {
      const circuit = explain(error)?.breaker; // { key, state, errorRatio, nextProbeMs }, of a call that was refused
      answer(error, response, circuit);
    });
    report(breaker.states()); // { '/echo.Echo/Unary': { state: 'closed', calls, failures, errorRatio, slowRatio } }
    // #endregion
    expect(await answered).toMatchObject([null, { payload }, undefined]);
    expect(told).toEqual([]);
    client.close();
    breaker[Symbol.dispose]();
  });
});
