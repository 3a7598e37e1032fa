import { Client, credentials } from '@grpc/grpc-js';
import { FakeClock } from '@grpc-manifold/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { CaptureSample, creationLine } from './creation-line.js';

/** Stands for an entry of ours. */
function entry(captureStack: boolean | 'sampled' = true): string | undefined {
  return creationLine(captureStack, entry);
}

const limit = Error.stackTraceLimit;
afterEach(() => {
  Error.stackTraceLimit = limit;
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
});

describe('creationLine', () => {
  it('is the line that called us', () => {
    const openFeed = (): string | undefined => entry();
    expect(openFeed()).toMatch(/^openFeed \(.*creation-line\.test\.ts:\d+:\d+\)$/);
  });

  it('looks past grpc-js', () => {
    let line: string | undefined;
    const client = new Client('127.0.0.1:1', credentials.createInsecure(), {
      callInvocationTransformer: function transformer(properties) {
        line = creationLine(true, transformer);
        return properties;
      },
    });
    const pass = (bytes: Buffer): Buffer => bytes;
    const openFeed = () => client.makeServerStreamRequest('/test.Test/Watch', pass, pass, Buffer.alloc(0));
    openFeed()
      .on('error', () => {})
      .cancel();
    client.close();
    expect(line).toMatch(/^openFeed \(/);
  });

  it('looks past what the engine brings along', () => {
    const [line] = [true].map(entry);
    expect(line).toMatch(/creation-line\.test\.ts:\d+:\d+\)?$/);
  });

  it('is undefined when it is not to be captured', () => {
    expect(entry(false)).toBeUndefined();
  });

  it('is undefined when only Node has called us', async () => {
    const line = await new Promise((resolve) =>
      setImmediate(function callback() {
        resolve(creationLine(true, callback));
      }),
    );
    expect(line).toBeUndefined();
  });

  it('leaves the limit of stack traces as it was, also one of none', () => {
    Error.stackTraceLimit = 0;
    expect(entry()).toContain('creation-line.test.ts');
    expect(Error.stackTraceLimit).toBe(0);
  });

  it.each([
    ['makes something else of a stack', () => ['no', 'text']],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is undefined when a prepareStackTrace %s', (_, prepare) => {
    Error.prepareStackTrace = prepare;
    const line = entry();
    expect(Error.prepareStackTrace).toBe(prepare);
    expect(Error.stackTraceLimit).toBe(limit);
    expect(line).toBeUndefined();
  });
});

describe('a sample of captures', () => {
  it('takes the first hundred of each second, and one in 32 beyond', () => {
    const clock = new FakeClock();
    const sample = new CaptureSample(clock);
    const taken = (streams: number): number =>
      Array.from({ length: streams }, () => sample.take()).filter(Boolean).length;
    expect(taken(100)).toBe(100);
    expect(taken(3_200)).toBe(100);
    clock.advance(1_000);
    expect(taken(100)).toBe(100);
    expect(taken(10)).toBe(0);
  });
});
