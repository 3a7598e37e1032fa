import { getEventListeners } from 'node:events';
import type { EventEmitter } from 'node:events';
import { credentials, type CallOptions } from '@grpc/grpc-js';
import { scoped, scopedUpload, type ScopeOptions } from '@grpc-manifold/stream-scope';
import {
  type EchoClient,
  type EchoRequest,
  type EchoResponse,
  type EchoServer,
  type EchoServerStats,
  eventually,
  loadEchoPackage,
} from '@grpc-manifold/testing';
import { createPooledClient, type ChannelPool } from 'grpc-manifold';
import { expect } from 'vitest';
import { watchedClock } from '../endings/watched-clock.js';

/** The kinds of call that are streams. */
export const STREAM_KINDS = ['server-stream', 'client-stream', 'bidi'] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

/** What clients are made of. */
export const CLIENT_KINDS = ['plain client', 'pooled client'] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** What all scoped streams have, and what some have. */
export type AnyScoped = ReturnType<typeof scoped<EchoRequest, EchoResponse>> | AnyUpload;
type AnyUpload = ReturnType<typeof scopedUpload<EchoRequest, EchoResponse>>;

/** A stream of the stage, scoped, and the call below it. */
export interface OpenedStream {
  readonly kind: StreamKind;
  readonly stream: AnyScoped;
  readonly raw: RawStream;
  /** Those that were on the call once it was scoped. Node's own `pipeline` leaves some that came later. */
  readonly listeners: readonly Listener[];
}

type RawStream = EventEmitter & { destroy(error?: Error): unknown; cancel(): void };
type Listener = ReturnType<EventEmitter['listeners']>[number];

/** Limits that no test reaches, so that each stream has all that could be left behind. */
const FAR_OFF: ScopeOptions = { idleTimeoutMs: 600_000, maxLifetimeMs: 600_000 };

/** Where scoped streams are left by every road: a client, and a server that counts. */
export class ScopedStage implements AsyncDisposable {
  readonly clock = watchedClock();
  readonly controller = new AbortController();
  readonly #opened: OpenedStream[] = [];

  private constructor(
    readonly server: EchoServer,
    readonly client: EchoClient,
    readonly pool: ChannelPool | undefined,
    readonly before: EchoServerStats,
  ) {}

  static async open(server: EchoServer, kind: ClientKind): Promise<ScopedStage> {
    const { EchoClient } = loadEchoPackage();
    const before = await server.stats();
    const insecure = credentials.createInsecure();
    if (kind === 'pooled client') {
      const client = createPooledClient(EchoClient, server.target, insecure);
      return new ScopedStage(server, client, client.pool, before);
    }
    const client = new EchoClient(server.target, insecure, { 'grpc.use_local_subchannel_pool': 1 });
    return new ScopedStage(server, client, undefined, before);
  }

  /** Opens a stream and sends the request. One that is half-closed and does not hang comes to its end. */
  start(
    kind: StreamKind,
    request: EchoRequest,
    options: ScopeOptions = {},
    callOptions: CallOptions = {},
  ): OpenedStream {
    const scopeOptions: ScopeOptions = { signal: this.controller.signal, ...FAR_OFF, ...options };
    const environment = { clock: this.clock };
    let opened: Omit<OpenedStream, 'listeners'>;
    if (kind === 'server-stream') {
      const raw = this.client.serverStream(request, callOptions);
      // Nobody writes to it.
      opened = { kind, raw, stream: scoped(raw, scopeOptions, environment) as AnyScoped };
    } else if (kind === 'bidi') {
      const raw = this.client.bidi(callOptions);
      const stream = scoped(raw, scopeOptions, environment);
      void stream.write(request);
      opened = { kind, raw, stream };
    } else {
      let raw: ReturnType<EchoClient['clientStream']> | undefined;
      const stream = scopedUpload<EchoRequest, EchoResponse>(
        (callback) => (raw = this.client.clientStream(callOptions, callback as never)),
        scopeOptions,
        environment,
      );
      void stream.write(request);
      opened = { kind, raw: raw as unknown as RawStream, stream };
    }
    const whole = { ...opened, listeners: listenersOf(opened.raw) };
    this.#opened.push(whole);
    return whole;
  }

  /** Opens one and waits until the server has it. */
  async reach(kind: StreamKind, request: EchoRequest, options?: ScopeOptions): Promise<OpenedStream> {
    const opened = this.start(kind, request, options);
    await this.server.waitFor((now) => now.openCalls === this.before.openCalls + this.#opened.length);
    return opened;
  }

  /** Waits until nothing is left of the streams, and says how many of them the server saw, and saw cancelled. */
  async left(): Promise<{ started: number; cancelled: number }> {
    await this.freed();
    const { before } = this;
    const now = await this.server.waitFor(({ openCalls }) => openCalls === before.openCalls);
    return {
      started: now.startedCalls - before.startedCalls,
      cancelled: now.cancelledCalls - before.cancelledCalls,
    };
  }

  /** Waits until nothing is left of the streams on our side. */
  async freed(): Promise<void> {
    for (const { stream } of this.#opened) await stream.status;
    const { pool } = this;
    if (pool !== undefined) {
      await eventually(() => {
        const now = pool.stats();
        expect([now.inFlightCalls, now.queuedCalls]).toEqual([0, 0]);
        for (const member of now.channels) expect([member.inFlightCalls, member.endingStreams]).toEqual([0, 0]);
      });
    }
    expect(this.clock.pendingTimers).toBe(0);
    expect(getEventListeners(this.controller.signal, 'abort')).toEqual([]);
    for (const { raw, listeners } of this.#opened) {
      const left = listenersOf(raw).filter((listener) => listeners.includes(listener));
      expect(left.map(({ name }) => name)).toEqual(['ignore']);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { raw } of this.#opened) raw.cancel();
    this.client.close();
    await this.pool?.destroy();
  }
}

function listenersOf(raw: EventEmitter): Listener[] {
  return raw.eventNames().flatMap((event) => raw.listeners(event));
}
