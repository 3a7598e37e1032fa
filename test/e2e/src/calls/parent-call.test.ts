import type { EventEmitter } from 'node:events';
import { credentials, propagate, status } from '@grpc/grpc-js';
import { type EchoClient, type EchoServer, eventually, loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { createPooledClient, type PooledClient } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { startMiddleTier, type IncomingCall, type MiddleTier } from './middle-tier.js';
import { quiet } from './quiet-server.js';

const { EchoClient } = loadEchoPackage();
const HANG = { hang: true };

let backend: EchoServer;
let pooled: PooledClient<EchoClient>;
let middle: MiddleTier | undefined;
let front: EchoClient | undefined;

let startedBefore = 0;

beforeAll(async () => {
  backend = await startEchoServer();
});

beforeEach(async () => {
  startedBefore = (await quiet(backend)).startedCalls;
  pooled = createPooledClient(EchoClient, backend.target, credentials.createInsecure());
});

afterEach(async () => {
  front?.close();
  await middle?.[Symbol.asyncDispose]();
  await pooled.pool.destroy();
});

afterAll(async () => {
  await backend[Symbol.asyncDispose]();
});

/** Calls the middle tier, and gives its side of that call; it answers when the test lets it. */
async function callMiddle(
  deadline = Infinity,
): Promise<{ parent: IncomingCall; call: RecordedCall; answer: () => void }> {
  let answer = (): void => undefined;
  let arrived: (parent: IncomingCall) => void;
  const parent = new Promise<IncomingCall>((resolve) => (arrived = resolve));
  middle = await startMiddleTier((incoming, send) => {
    answer = () => send(null, {});
    arrived(incoming);
  });
  front = new EchoClient(middle.target, credentials.createInsecure());
  const call = new RecordedCall(front, 'unary', { options: { deadline } });
  return { parent: await parent, call, answer: () => answer() };
}

function listenersOf(parent: IncomingCall): number {
  return (parent as unknown as EventEmitter).listenerCount('cancelled');
}

describe('calls that are made for a server call', () => {
  it.each(KINDS)('are cancelled with it: %s', async (kind) => {
    const { parent, call } = await callMiddle();
    const child = new RecordedCall(pooled, kind, { request: HANG, options: { parent } });
    await backend.waitFor((now) => now.openCalls === 1);
    call.cancel();
    expect(await child.outcome).toMatchObject({ code: status.CANCELLED, details: 'Cancelled by parent call' });
    // The server behind is told as well.
    await backend.waitFor((now) => now.openCalls === 0);
    expect(listenersOf(parent)).toBe(0);
    child.expectOneOutcome();
  });

  it.each(KINDS)('end by its deadline: %s', async (kind) => {
    // Time for both servers to have the calls.
    const deadline = Date.now() + 600;
    const { parent } = await callMiddle(deadline);
    const child = new RecordedCall(pooled, kind, {
      request: HANG,
      options: { parent, propagate_flags: propagate.DEADLINE },
    });
    expect(await child.outcome).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    child.expectOneOutcome();
    await backend.waitFor((now) => now.openCalls === 0);
  });

  it('tell the deadline of their parent to the server behind, unless their own is earlier', async () => {
    const deadline = Date.now() + 3_600_000;
    const { parent, answer } = await callMiddle(deadline);
    const request = { describe: true };
    const inherits = new RecordedCall(pooled, 'unary', { request, options: { parent } });
    const hasOwn = new RecordedCall(pooled, 'unary', { request, options: { parent, deadline: Date.now() + 60_000 } });
    await Promise.all([inherits.outcome, hasOwn.outcome]);
    const [inherited, own] = [inherits, hasOwn].map((call) => call.messages[0]?.details?.deadlineMs ?? 0);
    expect(inherited).toBeGreaterThan(deadline - 1_800_000);
    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThan(deadline - 1_800_000);
    answer();
  });

  it('are left alone where the flags do not ask for it', async () => {
    const { parent, call } = await callMiddle();
    const child = new RecordedCall(pooled, 'unary', {
      request: HANG,
      options: { parent, propagate_flags: propagate.DEADLINE },
    });
    await backend.waitFor((now) => now.openCalls === 1);
    call.cancel();
    await eventually(() => expect(parent.cancelled).toBe(true));
    expect((await new RecordedCall(pooled, 'unary').outcome).code).toBe(status.OK);
    expect(child.statuses).toEqual([]);
    child.cancel();
    await child.outcome;
  });

  it('are not even sent when it is cancelled already', async () => {
    const { parent, call } = await callMiddle();
    call.cancel();
    await eventually(() => expect(parent.cancelled).toBe(true));
    const child = new RecordedCall(pooled, 'unary', { options: { parent } });
    expect(await child.outcome).toMatchObject({ code: status.CANCELLED });
    expect((await backend.stats()).startedCalls).toBe(startedBefore);
    expect(listenersOf(parent)).toBe(0);
    child.expectOneOutcome();
  });

  it('are cancelled with it also while they wait', async () => {
    await using small = createPooledClient(EchoClient, backend.target, credentials.createInsecure(), {
      maxChannels: 1,
      maxStreamsPerChannel: 1,
      onDispose: 'cancel',
    });
    const blocker = new RecordedCall(small, 'unary', { request: HANG });
    await backend.waitFor((now) => now.openCalls === 1);
    const { parent, call } = await callMiddle();
    const children = KINDS.map((kind) => new RecordedCall(small, kind, { options: { parent } }));
    expect(small.pool.stats().queuedCalls).toBe(4);
    call.cancel();
    for (const child of children) expect(await child.outcome).toMatchObject({ code: status.CANCELLED });
    expect(small.pool.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0, inFlightCalls: 1 });
    expect(listenersOf(parent)).toBe(0);
    blocker.cancel();
    await blocker.outcome;
  });

  it('leave no listener on it, 1,000 of them, and never more than one', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const { parent, call, answer } = await callMiddle();
    let most = 0;
    for (let finished = 0; finished < 1_000; finished += 100) {
      const children = Array.from({ length: 100 }, (_, index) => {
        const request = index % 10 === 0 ? { statusCode: status.ABORTED } : {};
        return new RecordedCall(pooled, KINDS[index % 4] as (typeof KINDS)[number], { request, options: { parent } });
      });
      most = Math.max(most, listenersOf(parent));
      await Promise.all(children.map((child) => child.outcome));
    }
    expect([most, listenersOf(parent)]).toEqual([1, 0]);
    answer();
    expect(await call.outcome).toMatchObject({ code: status.OK });
    process.removeListener('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
