import { status } from '@grpc/grpc-js';
import { explainedStatus } from '@grpc-manifold/core/internal';
import { InterceptedScene, settled, type InterceptedCallOptions, type ScriptedInnerCall } from '@grpc-manifold/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { circuitBreaker, type CircuitBreakerInterceptor } from './circuit-breaker.js';
import type { CircuitBreakerOptions } from './options.js';

const KEY = '/echo.Echo/Call';
const SMALL: CircuitBreakerOptions = {
  volumeThreshold: 4,
  windowMs: 1_000,
  resetTimeoutMs: 500,
  probeTimeoutMs: 200,
};

/** Ways for a call to end. */
const ENDINGS: Readonly<Record<string, (call: ScriptedInnerCall) => void>> = {
  ok: (call) => call.end(),
  fail: (call) => call.end(status.UNAVAILABLE),
  refuse: (call) => call.end(status.NOT_FOUND),
  cancel: (call) => call.end(status.CANCELLED),
  shed: (call) => endBy(call, { refusedBy: 'queue-full' }),
  starve: (call) => endBy(call, { neverSent: true }),
};

function endBy(call: ScriptedInnerCall, explanation: object): void {
  const made = explainedStatus(status.DEADLINE_EXCEEDED, '', explanation);
  call.end(made.code, made.details, made.metadata);
}

/** One circuit, what is done to it word by word, and what it says. */
class Story {
  readonly scene: InterceptedScene<CircuitBreakerInterceptor>;
  readonly changes: string[] = [];
  /** Calls that were begun and not ended, oldest first. */
  readonly #open: ScriptedInnerCall[] = [];

  /** @param jumpMs by how much the wall clock is set before each word. */
  constructor(
    options: CircuitBreakerOptions,
    private readonly jumpMs = 0,
  ) {
    this.scene = new InterceptedScene((environment) => circuitBreaker({ ...SMALL, ...options }, environment));
    this.scene.interceptor.onStateChange(({ from, to, reason }) => this.changes.push(`${from} > ${to}: ${reason}`));
  }

  get state(): string {
    return this.scene.interceptor.states()[KEY]?.state ?? 'none';
  }

  /**
   * - `ok`, `fail`, … : a call that ends so. `refused`: a call that does not get through.
   * - `begin`, `begin:stream`: a call that stays. `answer`: it has a message. `end:ok`, …: the oldest of them ends so.
   * - `slow:ok`, …: a call that takes 100 ms.
   * - `+500`: time goes by.
   * - `x*3`: three times.
   */
  tell(words: string): void {
    for (const word of words.split(' ')) {
      const [what, times = '1'] = word.split('*') as [string, string?];
      for (let time = Number(times); time > 0; time -= 1) this.#tellOnce(what);
    }
  }

  #tellOnce(word: string): void {
    this.scene.clock.stepWallClock(this.jumpMs);
    const [what, how = ''] = word.split(':') as [string, string?];
    if (what.startsWith('+')) return this.scene.clock.advance(Number(what.slice(1)));
    switch (what) {
      case 'begin':
        this.#open.push(this.#begin(how === 'stream' ? { kind: 'server-stream' } : {}));
        return;
      case 'headers':
        return this.#open[0]?.sendMetadata();
      case 'answer':
        return this.#open[0]?.send('an answer');
      case 'end':
        return this.#end(this.#open.shift() as ScriptedInnerCall, how);
      case 'refused': {
        const before = this.scene.below.calls.length;
        this.scene.call();
        return expect(this.scene.below.calls.length, 'a call that is to be refused').toBe(before);
      }
      case 'slow': {
        const call = this.#begin();
        this.scene.clock.advance(100);
        return this.#end(call, how);
      }
      default:
        this.#end(this.#begin(), what);
    }
  }

  #begin(options: InterceptedCallOptions = {}): ScriptedInnerCall {
    const before = this.scene.below.calls.length;
    this.scene.call(options);
    expect(this.scene.below.calls.length, 'a call that is to get through').toBe(before + 1);
    return this.scene.below.calls.at(-1) as ScriptedInnerCall;
  }

  #end(call: ScriptedInnerCall, how: string): void {
    (ENDINGS[how] as (call: ScriptedInnerCall) => void)(call);
  }
}

const stories: Story[] = [];

afterEach(async () => {
  for (const { scene } of stories.splice(0)) {
    scene.interceptor[Symbol.dispose]();
    expect(scene.clock.pendingTimers).toBe(0);
  }
  await settled();
});

const OPENED = 'closed > open: failed-calls';
const WAITED = 'open > half-open: reset-timeout';
const CLOSED = 'half-open > closed: probe-answered';
const FAILED = 'half-open > open: probe-failed';
const LATE = 'half-open > open: probe-timeout';

type Row = readonly [what: string, words: string, changes: readonly string[], options?: CircuitBreakerOptions];

const table: Readonly<Record<string, readonly Row[]>> = {
  'while it is closed': [
    ['stays closed below its volume', 'fail*3', []],
    ['opens at its volume, within the call that is one too many', 'fail*4 refused', [OPENED]],
    ['opens at its ratio', 'ok*2 fail*2 refused', [OPENED]],
    ['stays closed below its ratio', 'ok*5 fail*4', []],
    ['opens only when all fail, where that is its ratio', 'ok fail*8', [], { errorThresholdRatio: 1 }],
    ['opens when all fail, where that is its ratio', 'fail*4 refused', [OPENED], { errorThresholdRatio: 1 }],
    ['opens by one in a hundred, where that is its ratio', 'ok*99 fail', [OPENED], { errorThresholdRatio: 0.01 }],
    ['opens by the first failure, where one call is volume enough', 'fail refused', [OPENED], { volumeThreshold: 1 }],
    ['takes the server’s other answers for answers', 'refuse*9 fail*4', []],
    ['does not count what the caller cancelled', 'cancel*9 fail*3', []],
    ['does not count what was shed before it was sent', 'shed*9 fail*3', []],
    ['does not count what waited here until its deadline', 'starve*9 fail*3', []],
    ['does not count what is in flight', 'begin*9 fail*3', []],
    ['forgets what is older than its window', 'fail*3 +1000 fail*3', []],
    ['forgets it by tenths', 'fail*3 +899 fail', [OPENED]],
    ['forgets it all after a long rest', 'fail*3 +1000000 fail*3', []],
    [
      'has its own idea of a failure',
      'refuse*4 refused',
      [OPENED],
      { isFailure: ({ code }) => code === status.NOT_FOUND },
    ],
  ],
  'while it is open': [
    ['refuses until the reset time has passed', 'fail*4 refused +499 refused', [OPENED]],
    ['lets a probe through when it has', 'fail*4 +500 begin refused', [OPENED, WAITED]],
    ['drops what comes of calls from before', 'begin*6 fail*4 end:ok end:fail*5 refused', [OPENED]],
    ['becomes half-open though nobody asks', 'fail*4 +5000', [OPENED, WAITED]],
  ],
  'while it is half-open': [
    ['closes by a probe that is answered', 'fail*4 +500 ok ok*9', [OPENED, WAITED, CLOSED]],
    [
      'closes by a probe that the server refuses by a word of its own',
      'fail*4 +500 refuse ok',
      [OPENED, WAITED, CLOSED],
    ],
    ['opens again by one that fails', 'fail*4 +500 fail refused', [OPENED, WAITED, FAILED]],
    ['waits as long again then', 'fail*4 +500 fail +499 refused +1 ok', [OPENED, WAITED, FAILED, WAITED, CLOSED]],
    ['lets one through at a time', 'fail*4 +500 begin refused*9 end:ok ok', [OPENED, WAITED, CLOSED]],
    [
      'makes the next call its probe when one is cancelled',
      'fail*4 +500 cancel cancel begin refused',
      [OPENED, WAITED],
    ],
    ['makes the next call its probe when one is shed', 'fail*4 +500 shed starve begin refused', [OPENED, WAITED]],
    ['opens again when its probe hangs', 'fail*4 +500 begin +199 refused +1 refused', [OPENED, WAITED, LATE]],
    ['does not heed what comes of that later', 'fail*4 +500 begin +200 end:ok refused', [OPENED, WAITED, LATE]],
    ['takes headers for no answer to a unary call', 'fail*4 +500 begin headers +200', [OPENED, WAITED, LATE]],
    [
      'closes by a stream that has begun',
      'fail*4 +500 begin:stream headers +199 refused +1 ok',
      [OPENED, WAITED, CLOSED],
    ],
    ['closes by a stream that has brought something', 'fail*4 +500 begin:stream answer +200', [OPENED, WAITED, CLOSED]],
    ['opens again by a stream that brings nothing', 'fail*4 +500 begin:stream +200', [OPENED, WAITED, LATE]],
    ['drops what comes of calls from before', 'begin fail*4 +500 end:fail begin refused', [OPENED, WAITED]],
  ],
  'when it is closed again': [
    ['has forgotten what it opened on', 'fail*4 +500 ok fail*3', [OPENED, WAITED, CLOSED]],
    ['opens as before', 'fail*4 +500 ok fail*4', [OPENED, WAITED, CLOSED, OPENED]],
    ['drops what comes of calls from before', 'begin*4 fail*4 +500 ok end:fail*4', [OPENED, WAITED, CLOSED]],
    [
      'drops what comes of a stream that was its probe',
      'fail*4 +500 begin:stream answer +200 fail*3 end:fail',
      [OPENED, WAITED, CLOSED],
    ],
  ],
  'with slow calls as a second rule': [
    ['opens by slow calls that went well', 'slow:ok*4 refused', ['closed > open: slow-calls'], { slowCallMs: 99 }],
    ['takes what is just in time for in time', 'slow:ok*9', [], { slowCallMs: 100 }],
    ['does not count what is ignored', 'slow:cancel*9 slow:ok*3', [], { slowCallMs: 99 }],
    ['stays closed below its ratio', 'ok*5 slow:ok*4', [], { slowCallMs: 99 }],
    ['has a ratio of its own', 'ok slow:ok*8', [], { slowCallMs: 99, slowCallRatio: 0.9 }],
    ['counts a slow failure by both rules, and opens once', 'slow:fail*4', [OPENED], { slowCallMs: 99 }],
    [
      'opens again by a slow probe',
      'slow:ok*4 +500 slow:ok refused',
      ['closed > open: slow-calls', WAITED, FAILED],
      { slowCallMs: 99 },
    ],
    [
      'closes by a probe in time, and has forgotten what was slow',
      'slow:ok*4 +500 ok slow:ok*3',
      ['closed > open: slow-calls', WAITED, CLOSED],
      { slowCallMs: 99 },
    ],
    [
      'takes the beginning of a stream, and does not wait for its end',
      'begin:stream*4 +100 headers headers answer end:ok headers end:ok headers end:ok headers refused',
      ['closed > open: slow-calls'],
      { slowCallMs: 99 },
    ],
    [
      'counts a slow stream once',
      'begin:stream*3 +100 headers end:ok headers end:ok headers end:ok',
      [],
      { slowCallMs: 99 },
    ],
    ['does not mind how long a stream goes on', 'begin:stream headers +900 end:ok ok*3', [], { slowCallMs: 99 }],
    ['counts no slow calls without it', 'slow:ok*9', []],
  ],
};

describe.each(Object.entries(table))('a circuit %s', (_when, rows) => {
  it.each(rows.map(([what, words, changes, options = {}]) => ({ what, words, changes, options })))('$what', (row) => {
    const { words, changes, options } = row;
    const story = new Story(options);
    stories.push(story);
    story.tell(words);
    expect(story.changes).toEqual(changes);
    expect(story.state).toBe(changes.at(-1)?.split(/ > |:/)[1] ?? 'closed');
  });
});

const HOUR_MS = 3_600_000;

it.each([-HOUR_MS, HOUR_MS, 8 * HOUR_MS])(
  'no circuit notices that the wall clock is set by %d ms, again and again',
  (jumpMs) => {
    for (const [what, words, changes, options = {}] of Object.values(table).flat()) {
      const story = new Story(options, jumpMs);
      stories.push(story);
      story.tell(words);
      expect(story.changes, what).toEqual(changes);
    }
  },
);
