import { leakCheck, until } from '@grpc-manifold/testing';
import type { TransportFaultTag } from '@grpc-manifold/core';
import type { ChannelPoolStats } from 'grpc-manifold';
import type { Kind } from './call-kind.js';
import type { Fault, Sights } from './fault.js';
import type { Role } from './role.js';
import { POOL_SIZE, type Scene } from './scene.js';
import type { Servers } from './servers.js';

/** What was seen when one kind of call met one fault. */
export interface CellReport {
  readonly fault: string;
  readonly kind: Kind;
  readonly saw: Sights;
  readonly lastFault: TransportFaultTag | undefined;
  readonly recoveryMs: number;
  readonly touched: number;
  readonly connections: number;
  /** Those that did not come to the first proxy. */
  readonly elsewhere: number;
  readonly retried: number;
  /** How the streams on the other connections ended. */
  readonly bystanders: readonly string[];
  /** Calls whose caller was not told once that they had ended, in words. */
  readonly mistold: readonly string[];
  /** Counters that are not at rest, in words. */
  readonly restless: readonly string[];
  /** What is left when the pool is closed and everything else with it, in words. */
  readonly leftovers: readonly string[];
}

/** Lets one kind of call meet a fault. Rejects when the scene does not play out as the fault has it. */
export async function runCell(fault: Fault, kind: Kind, servers: Servers): Promise<CellReport> {
  await fault.prepare?.(servers);
  const leaks = leakCheck();
  const report = await playOut(fault, kind, servers);
  const left = await leaks.expectNothingLeft().then(
    () => [],
    (error: Error) => [error.message],
  );
  return { ...report, leftovers: [...report.leftovers, ...left] };
}

async function playOut(fault: Fault, kind: Kind, servers: Servers): Promise<CellReport> {
  await using scene = await fault.open(servers, kind);
  await fault.play(scene, kind);
  const recoveryMs = await scene.recovered(fault.expected(kind).touched);
  const touched = scene.touchedIds.length;
  const bystanders = await scene.bystandersEnd();
  const told = (tag: TransportFaultTag): TransportFaultTag => fault.mayBeToldAs?.[tag] ?? tag;
  const saw = await whatCallersSaw(scene, told);
  const restless = await untilEmpty('the pool', () => unrest(scene.pool.stats(), scene.calls.length));
  const elsewhere = await scene.connectionsElsewhere();
  const connections = scene.proxy.acceptedConnections + elsewhere;
  const lastFault = scene.lastFault === undefined ? undefined : told(scene.lastFault);
  const retried = scene.pool.stats().retriedCalls;
  await scene.pool.drain();
  const leftovers = await untilEmpty('the proxy', () => {
    const { openConnections } = scene.proxy;
    return openConnections === 0 ? [] : [`${openConnections} connections at the proxy`];
  });
  const mistold = scene.calls
    .filter(({ call }) => call.statuses !== 1 || call.endings !== 1)
    .map(({ role, call }) => `${role ?? 'another'}: ${call.statuses} statuses, told ${call.endings} times`);
  return {
    fault: fault.title,
    kind,
    saw,
    lastFault,
    recoveryMs,
    touched,
    connections,
    elsewhere,
    retried,
    bystanders,
    mistold,
    restless,
    leftovers,
  };
}

async function whatCallersSaw(scene: Scene, told: (tag: TransportFaultTag) => TransportFaultTag): Promise<Sights> {
  const seen = new Map<Role, Set<string>>();
  for (const { role, call } of scene.calls) {
    if (role === undefined) continue;
    const { code, explanation } = await call.outcome;
    const tag = explanation?.fault?.tag;
    const sights = seen.get(role) ?? new Set();
    seen.set(role, sights.add(tag === undefined ? code : `${code} ${told(tag)}`));
  }
  return Object.fromEntries([...seen].map(([role, sights]) => [role, [...sights].sort().join(' or ')]));
}

function unrest(stats: ChannelPoolStats, calls: number): string[] {
  const { inFlightCalls, queuedCalls, queuedBytes, startedCalls, channels } = stats;
  const ended = stats.succeededCalls + stats.failedCalls + stats.shedCalls + stats.cancelledCalls;
  const endingStreams = channels.reduce((sum, channel) => sum + channel.endingStreams + channel.inFlightCalls, 0);
  const figures = {
    inFlightCalls,
    queuedCalls,
    queuedBytes,
    endingStreams,
    'calls without an end': startedCalls - ended,
  };
  const restless = Object.entries(figures).filter(([, value]) => value !== 0);
  if (startedCalls !== calls) restless.push(['started calls', startedCalls]);
  if (channels.length !== POOL_SIZE) restless.push(['channels', channels.length]);
  return restless.map(([name, value]) => `${name} ${value}`);
}

/** Looks again and again until nothing is found. */
function untilEmpty(what: string, find: () => string[]): Promise<string[]> {
  return until(what, find, (found) => found.length === 0);
}
