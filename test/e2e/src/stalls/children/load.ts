/** Offers calls at a steady rate, whatever becomes of them, from a process whose memory is nobody else's. */
import { credentials, status } from '@grpc/grpc-js';
import { createPooledClient, explain } from 'grpc-manifold';
import { later, loadEchoPackage, repeatedly } from '@grpc-manifold/testing';
import { programOptions, say, threads } from '../../lifecycle/children/program-side.js';
import type { LoadMessage, LoadOptions, LoadOrder } from './load-contract.js';

const TICK_MS = 5;
const WARM_UP_MS = 1_500;
const SAMPLE_EVERY_MS = 1_000;
const MB = 1 << 20;

const { target, callsPerSecond, callsPerSecondAfterwards, requestBytes, deadlineMs } = programOptions<LoadOptions>();
const client = createPooledClient(loadEchoPackage().EchoClient, target, credentials.createInsecure(), { threads });
const payload = Buffer.alloc(requestBytes);

type Phase = 'before' | 'stalled' | 'afterwards';
let phase: Phase = 'before';
const ended = { before: {}, stalled: {}, afterwards: {} } as Record<Phase, Record<string, number>>;
const faults: string[] = [];
let offeredCalls = 0;
let offeredAtStall = 0;
let offeredAtCalm = 0;
let callbacks = 0;
let resumedAtMs = Infinity;
let firstSuccessMs: number | null = null;
client.pool.onChannelStateChange(({ fault }) => {
  if (fault !== undefined) faults.push(fault.tag);
});

function call(): void {
  offeredCalls += 1;
  client.unary(
    // A short answer: what is measured is what the calls hold, not what comes back.
    { payload, responseBytes: 1 },
    deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
    (error) => {
      callbacks += 1;
      const ending = explain(error)?.refusedBy ?? status[error?.code ?? status.OK];
      ended[phase][ending] = (ended[phase][ending] ?? 0) + 1;
      if (phase === 'afterwards' && error === null && firstSuccessMs === null) {
        firstSuccessMs = Date.now() - resumedAtMs;
        say<LoadMessage>({ kind: 'well' });
      }
    },
  );
}

let rate = callsPerSecond;
let dueCalls = 0;
let lastMs = performance.now();
const load = repeatedly(TICK_MS, 'the calls that are due', () => {
  const nowMs = performance.now();
  dueCalls += ((nowMs - lastMs) * rate) / 1_000;
  lastMs = nowMs;
  for (; dueCalls >= 1; dueCalls -= 1) call();
});
later(WARM_UP_MS, 'the end of the warm-up', pauseToSettle);

/** What memory grows from is a warm process with no call open. */
function pauseToSettle(): void {
  rate = 0;
  if (callbacks < offeredCalls) {
    later(TICK_MS, 'another look at the open calls', pauseToSettle);
    return;
  }
  start = settledMemory();
  rate = callsPerSecond;
  say<LoadMessage>({ kind: 'warm' });
}

function memory(): { rss: number; heap: number } {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / MB, heap: (heapUsed + external) / MB };
}

/** Forces out what is garbage, so that what is left is held by somebody. */
function settledMemory(): ReturnType<typeof memory> {
  globalThis.gc?.();
  globalThis.gc?.();
  return memory();
}

let start = { rss: 0, heap: 0 };
let end = { rss: 0, heap: 0 };
let peak = { rss: 0, heap: 0 };
function sample(): void {
  if (phase !== 'stalled') return;
  end = settledMemory();
  peak = { rss: Math.max(peak.rss, end.rss), heap: Math.max(peak.heap, end.heap) };
}

async function finish(): Promise<void> {
  load[Symbol.dispose]();
  // Ends what is left, so that every call must have come to its status.
  await client.pool.drain({ timeoutMs: 3_000 });
  const { startedCalls, succeededCalls, failedCalls, shedCalls, cancelledCalls, ...rest } = client.pool.stats();
  say<LoadMessage>({
    kind: 'report',
    growth: {
      peakRss: peak.rss - start.rss,
      peakHeap: peak.heap - start.heap,
      rss: end.rss - start.rss,
      heap: end.heap - start.heap,
    },
    offeredWhileStalled: offeredAtCalm - offeredAtStall,
    endedBefore: ended.before,
    endedWhileStalled: ended.stalled,
    endedAfterwards: ended.afterwards,
    firstSuccessMs,
    offeredCalls,
    callbacks,
    stats: {
      startedCalls,
      endedCalls: succeededCalls + failedCalls + shedCalls + cancelledCalls,
      inFlightCalls: rest.inFlightCalls,
      queuedCalls: rest.queuedCalls,
      queuedBytes: rest.queuedBytes,
      shedCalls,
    },
    faults,
  });
}

process.on('message', (order: LoadOrder) => {
  switch (order.kind) {
    case 'stalled':
      phase = 'stalled';
      offeredAtStall = offeredCalls;
      repeatedly(SAMPLE_EVERY_MS, 'a look at the memory', sample).unref();
      break;
    case 'calm':
      sample();
      offeredAtCalm = offeredCalls;
      rate = callsPerSecondAfterwards;
      later(deadlineMs ?? 0, 'the last deadline of the stall', () => say<LoadMessage>({ kind: 'calm' }));
      break;
    case 'resumed':
      phase = 'afterwards';
      resumedAtMs = order.atMs;
      break;
    case 'finish':
      void finish();
  }
});
// The test is gone: nobody could stop us any more.
process.on('disconnect', () => process.exit());
