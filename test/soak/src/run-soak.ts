import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { leakCheck, loadEchoPackage } from '@grpc-manifold/testing';
import { createPooledClient, idleClose, keepalive, maxAge } from 'grpc-manifold';
import { Bystanders } from './bystanders.js';
import { Ledger } from './calls/ledger.js';
import { Load } from './calls/load.js';
import { Placements } from './calls/placements.js';
import { Draw } from './draw.js';
import { TouchedConnections } from './faults/fault-record.js';
import { FaultScript } from './faults/fault-script.js';
import { Origin } from './faults/origin.js';
import type { SoakOptions } from './soak-options.js';
import type { SoakResult } from './soak-result.js';
import { Violations } from './violations.js';
import { HeapWatch } from './watch/heap-watch.js';
import { PoolWatch } from './watch/pool-watch.js';
import { watchProcess } from './watch/process-watch.js';

const LOOK_EVERY_MS = 100;
const HEAP_EVERY_MS = 3_000;
const PROGRESS_EVERY_MS = 10_000;
/** Calls that are open at the end get so long. */
const LAST_CALLS_MS = 60_000;
/** Sockets that are open at the end get so long, at each place where they are looked for. */
const LAST_SOCKETS_MS = 30_000;
/** What the heap may rise by in a run that is long enough to tell. */
const MAX_GROWTH_MIB = 4;
const LONG_ENOUGH_MS = 100_000;
const STREAMS_AT_FIRST = 40;
const BOUNDS = { minChannels: 2, maxChannels: 6, maxDrainingChannels: 10 };

/** Runs calls and faults for as long as is asked for, and holds everything to its invariants meanwhile. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { seed, durationMs, callsPerSecond = 150, onProgress = () => undefined } = options;
  const startMs = performance.now();
  const seconds = (): number => (performance.now() - startMs) / 1_000;
  const violations = new Violations(onProgress);
  using _process = watchProcess(violations);
  const leaks = leakCheck({ emitters: { process }, pauses: LAST_SOCKETS_MS / 10 });
  const result = await soak();
  await leaks.expectNothingLeft().catch((error: Error) => violations.add('nothing is left at the end', error.message));
  return { ...result, seconds: seconds(), violations: violations.lines() };

  async function soak(): Promise<Omit<SoakResult, 'seconds' | 'violations'>> {
    await using first = await Origin.start(STREAMS_AT_FIRST);
    await using second = await Origin.start(STREAMS_AT_FIRST);
    const origins = [first, second] as const;
    const proxies = origins.map(({ proxy }) => proxy);
    const placements = new Placements();
    const touched = new TouchedConnections();
    // Calls and faults each have their own chance: one call more does not make another fault.
    const script = new FaultScript(new Draw(seed), [...origins], touched, (factor) => (load.factor = factor));
    const bystanders = new Bystanders(placements, touched, script, (member) => pool.storyOf(member), violations);
    const ledger = new Ledger(violations, (...ending) => {
      bystanders.judge(...ending);
      options.onCallEnded?.();
    });
    await using client = createPooledClient(
      loadEchoPackage().EchoClient,
      `ipv4:${proxies.map(({ target }) => target).join(',')}`,
      credentials.createInsecure(),
      {
        ...BOUNDS,
        picker: placements,
        connectTimeoutMs: 1_000,
        shrinkAfterMs: 3_000,
        policies: [
          keepalive({ timeMs: 1_000, timeoutMs: 1_000, belowMinimum: 'allow' }),
          idleClose({ idleTimeoutMs: 1_500 }),
          maxAge({ maxAgeMs: 8_000 }),
        ],
        interceptors: [ledger.interceptor],
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 1_000,
      },
    );
    const load = new Load(client, new Draw(~seed), ledger, placements, callsPerSecond);
    using pool = new PoolWatch(client.pool, BOUNDS, proxies, violations);
    const heap = new HeapWatch();

    const stop = new AbortController();
    const stopNow = (): void => stop.abort();
    options.signal?.addEventListener('abort', stopNow, { once: true });
    if (options.signal?.aborted === true) stopNow();
    const timers = [
      setTimeout(stopNow, durationMs),
      setInterval(look, LOOK_EVERY_MS),
      setInterval(weigh, HEAP_EVERY_MS),
      setInterval(() => onProgress(news()), PROGRESS_EVERY_MS),
    ];
    load.start();
    await script.run(stop.signal);
    load.stop();
    const lastMs = performance.now() + LAST_CALLS_MS;
    while (ledger.openCalls > 0 && performance.now() < lastMs) await delay(LOOK_EVERY_MS);
    look();
    for (const timer of timers) clearTimeout(timer);
    options.signal?.removeEventListener('abort', stopNow);
    if (ledger.openCalls > 0) violations.add('every call ends', `${ledger.openCalls} are open at the end`);
    await end();
    return {
      seed,
      startedCalls: ledger.startedCalls,
      retriedCalls: client.pool.stats().retriedCalls,
      unrepeatableCalls: bystanders.unrepeatableCalls,
      calls: ledger.counts(),
      faults: script.figures(),
      connections: pool.figures,
      heap: judgedHeap(),
    };

    function look(): void {
      touched.refresh();
      pool.check();
      ledger.check();
    }

    function weigh(): void {
      // Only a look makes it forget the sockets that are closed.
      leaks.leftovers();
      heap.sample();
    }

    async function end(): Promise<void> {
      await client.pool.drain({ timeoutMs: 10_000 });
      const { startedCalls, channels } = client.pool.stats();
      if (startedCalls !== ledger.startedCalls) {
        violations.add('every call is in one counter', `the pool saw ${startedCalls} of ${ledger.startedCalls}`);
      }
      if (channels.length > 0) violations.add('nothing is left at the end', `${channels.length} connections`);
      for (const proxy of proxies) {
        const closed = proxy.waitFor(({ openConnections }) => openConnections === 0).then(() => true);
        if (await Promise.race([closed, delay(LAST_SOCKETS_MS, false, { ref: false })])) continue;
        violations.add('nothing is left at the end', `${proxy.openConnections} connections at a proxy`);
      }
    }

    function judgedHeap(): SoakResult['heap'] {
      const figures = heap.figures();
      if (figures !== undefined && seconds() * 1_000 > LONG_ENOUGH_MS && figures.growthMiB > MAX_GROWTH_MIB) {
        violations.add('the heap is flat', `it rose by ${figures.growthMiB.toFixed(1)} MiB`);
      }
      return figures;
    }

    function news(): string {
      const { channels, inFlightCalls } = client.pool.stats();
      let faults = 0;
      for (const { count } of script.figures().values()) faults += count;
      return (
        `${seconds().toFixed(0)} s: ${ledger.startedCalls} calls, ${inFlightCalls} in flight, ${channels.length} connections, ` +
        `${faults} faults, heap ${heap.lastMiB.toFixed(1)} MiB, ${violations.count} violations`
      );
    }
  }
}
