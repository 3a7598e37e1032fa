/** A program whose wall clock is set while its calls run and wait. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { credentials, Metadata, status, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { boundedQueue, createPooledClient, type PooledClientOptions } from 'grpc-manifold';
import { loadEchoPackage, type EchoClient, type EchoRequest } from '@grpc-manifold/testing';
import { programOptions, say, told } from '../../lifecycle/children/program-side.js';
import type { JumpingEnding, JumpingMessage, JumpingOptions } from './jumping-contract.js';

const { target, deadTarget, stepsMs } = programOptions<JumpingOptions>();
const { EchoClient: Client } = loadEchoPackage();

const DEADLINE_MS = 250;

const RealDate = Date;
let shiftMs = 0;

/** The wall clock as everybody reads it in this process. */
class SetDate extends RealDate {
  constructor(...given: [] | [number]) {
    super(given[0] ?? SetDate.now());
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}
globalThis.Date = SetDate as DateConstructor;

function client(way: string, address: string, options: PooledClientOptions = {}): EchoClient {
  return way === 'plain'
    ? new Client(address, credentials.createInsecure(), { interceptors: options.interceptors ?? [] })
    : createPooledClient(Client, address, credentials.createInsecure(), {
        onDispose: 'cancel',
        threads: way === 'in threads' ? 1 : 0,
        ...options,
      });
}

/**
 * One that is connected. A plain client that connects while the wall clock is set forward tells its server too short a
 * time.
 */
async function connected(...of: Parameters<typeof client>): Promise<EchoClient> {
  const made = client(...of);
  await new Promise<void>((resolve, reject) => {
    made.waitForReady(Date.now() + 60_000, (error) => (error === undefined ? resolve() : reject(error)));
  });
  return made;
}

const endings: JumpingEnding[] = [];
const all: Promise<void>[] = [];

function follow(stepMs: number, way: string, call: string, start: (told: (error: unknown) => void) => void): void {
  const startedMs = performance.now();
  all.push(
    new Promise((resolve) => {
      start((error) => {
        // Node's own timers may fire a millisecond early.
        const isEarly = call !== 'client ready' && performance.now() - startedMs < DEADLINE_MS - 2;
        const code = error instanceof Error && 'code' in error ? status[(error as ServiceError).code] : String(error);
        endings.push({ stepMs, way, call, code, isEarly });
        resolve();
      });
    }),
  );
}

const hang: EchoRequest = { hang: true };
const until = (ms = DEADLINE_MS): { deadline: number } => ({ deadline: Date.now() + ms });

/** The clients of one way in. */
async function clientsOf(way: string) {
  const [free, held] = await Promise.all([
    connected(way, target),
    connected(way, target, { interceptors: [boundedQueue({ limit: 1 })] }),
  ]);
  const dead = client(way, deadTarget);
  if (way === 'plain') return { way, free, held, dead };
  const full = client(way, target, { maxChannels: 1, maxStreamsPerChannel: 1 });
  full.unary(hang, () => undefined);
  return { way, free, held, dead, full };
}

const clients = await Promise.all(['plain', 'pooled', 'in threads'].map(clientsOf));

for (const stepMs of stepsMs) {
  const firsts: ClientUnaryCall[] = [];
  for (const { way, free, held, dead, full } of clients) {
    follow(stepMs, way, 'running', (told) => free.unary(hang, until(), told));

    // Held by the interceptor until the first is cancelled, and then carried until its own deadline.
    firsts.push(held.unary(hang, () => undefined));
    follow(stepMs, way, 'held', (told) => held.unary(hang, until(), told));

    follow(stepMs, way, 'waiting for ready', (told) =>
      dead.unary({}, new Metadata({ waitForReady: true }), until(), told),
    );

    if (full === undefined) continue;
    follow(stepMs, way, 'waiting for a stream', (told) => full.unary(hang, until(), told));

    // Far off: Node's timers do not reach so far, and a plain client fails at once.
    const patient = client(way, target);
    follow(stepMs, way, 'client ready', (told) =>
      patient.waitForReady(Date.now() + 30 * 24 * 3_600_000, (error) => told(error ?? 'READY')),
    );
    follow(stepMs, way, 'client not ready', (told) => dead.waitForReady(Date.now() + DEADLINE_MS, told));
  }
  // `waitForReady` of a client looks at its deadline in the next turn.
  await nextTurn();
  await nextTurn();
  shiftMs += stepMs;
  for (const first of firsts) first.cancel();
  await Promise.all(all.splice(0));
}
say<JumpingMessage>({ kind: 'ended', endings });
await told('go');
process.exit(0);
