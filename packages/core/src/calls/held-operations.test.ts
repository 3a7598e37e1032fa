import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChannelCall } from '../contracts/channel-factory.js';
import { HeldOperations, settleWrite, type MessageContext } from './held-operations.js';

/** A call that records what it is asked, and takes a message when the test says so. */
class RecordingCall {
  readonly log: string[] = [];
  readonly #taking: (() => void)[] = [];

  readonly call = {
    startRead: () => void this.log.push('read'),
    halfClose: () => void this.log.push('half-close'),
    sendMessageWithContext: (context: MessageContext, message: Buffer) => {
      const flags = context.flags === undefined ? '' : ` (flags ${context.flags})`;
      this.log.push(`send ${message.toString()}${flags}`);
      this.#taking.push(() => context.callback?.());
    },
  } as unknown as ChannelCall;

  /** Takes the oldest message that it was sent. */
  take(): void {
    this.#taking.shift()?.();
  }
}

function setUp() {
  const taken: string[] = [];
  const held = new HeldOperations<Buffer>();
  const send = (text: string, flags?: number): void => {
    held.sendMessage(
      {
        callback: (error) => taken.push(error instanceof Error ? `${text} failed` : text),
        ...(flags === undefined ? {} : { flags }),
      },
      Buffer.from(text),
      text.length,
    );
  };
  return { inner: new RecordingCall(), held, taken, send };
}

describe('HeldOperations', () => {
  it('has nothing to carry out when nothing was asked', () => {
    const { inner, held } = setUp();
    held.replayOn(inner.call);
    expect(inner.log).toEqual([]);
    expect(held.replaying).toBe(false);
  });

  it('carries out a read, a message and the half-close, in that order', () => {
    const { inner, held, taken, send } = setUp();
    send('only');
    held.halfClose();
    held.startRead();
    expect(taken).toEqual([]);
    held.replayOn(inner.call);
    expect(inner.log).toEqual(['read', 'send only', 'half-close']);
    expect(held.replaying).toBe(false);
    expect(taken).toEqual([]);
    inner.take();
    expect(taken).toEqual(['only']);
  });

  it('carries out a half-close without a message', () => {
    const { inner, held } = setUp();
    held.halfClose();
    held.replayOn(inner.call);
    expect(inner.log).toEqual(['half-close']);
  });

  it('reads without waiting for messages', () => {
    const { inner, held } = setUp();
    held.startRead();
    held.replayOn(inner.call);
    expect(inner.log).toEqual(['read']);
  });

  it('hands over several messages one at a time, each after the one before was taken, and half-closes last', () => {
    const { inner, held, taken, send } = setUp();
    for (const text of ['a', 'b', 'c']) send(text);
    held.halfClose();
    held.replayOn(inner.call);
    expect(inner.log).toEqual(['send a']);
    expect(held.replaying).toBe(true);
    inner.take();
    expect(inner.log).toEqual(['send a', 'send b']);
    expect(taken).toEqual(['a']);
    inner.take();
    expect(inner.log).toEqual(['send a', 'send b', 'send c', 'half-close']);
    expect(held.replaying).toBe(false);
    inner.take();
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('puts what is asked meanwhile behind the rest', () => {
    const { inner, held, taken, send } = setUp();
    send('a');
    send('b');
    held.replayOn(inner.call);
    send('c');
    held.halfClose();
    inner.take();
    inner.take();
    expect(inner.log).toEqual(['send a', 'send b', 'send c', 'half-close']);
    inner.take();
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('counts the bytes of what it holds', () => {
    const { inner, held, send } = setUp();
    for (const text of ['four', 'six is', 'no']) send(text);
    expect(held.bytes).toBe(12);
    held.replayOn(inner.call);
    expect(held.bytes).toBe(8);
    held.drop();
    expect(held.bytes).toBe(0);
  });

  it('keeps the flags of each message', () => {
    const { inner, held, send } = setUp();
    send('a', 2);
    send('b', 4);
    held.replayOn(inner.call);
    inner.take();
    expect(inner.log).toEqual(['send a (flags 2)', 'send b (flags 4)']);
  });

  it('does not mind messages that nobody wants to know of', () => {
    const { inner, held } = setUp();
    held.sendMessage({}, Buffer.from('a'), 1);
    held.sendMessage({}, Buffer.from('b'), 1);
    held.replayOn(inner.call);
    inner.take();
    inner.take();
    expect(inner.log).toEqual(['send a', 'send b']);
    held.sendMessage({}, Buffer.from('c'), 1);
    held.drop();
  });

  describe('drop', () => {
    it('answers every write that is held, once, later and without an error', async () => {
      const { held, taken, send } = setUp();
      send('a');
      send('b');
      held.drop();
      held.drop();
      expect(taken).toEqual([]);
      await setImmediate();
      expect(taken).toEqual(['a', 'b']);
    });

    it('leaves to the inner call what that was given already, and sends nothing more', async () => {
      const { inner, held, taken, send } = setUp();
      for (const text of ['a', 'b', 'c']) send(text);
      held.replayOn(inner.call);
      held.drop();
      await setImmediate();
      expect(taken).toEqual(['b', 'c']);
      inner.take();
      expect(inner.log).toEqual(['send a']);
      expect(taken).toEqual(['b', 'c', 'a']);
      await setImmediate();
      expect(taken).toEqual(['b', 'c', 'a']);
    });
  });
});

describe('settleWrite', () => {
  it('answers once, later and without an error', async () => {
    const answers: unknown[][] = [];
    settleWrite({ callback: (...answer: unknown[]) => answers.push(answer) });
    expect(answers).toEqual([]);
    await setImmediate();
    expect(answers).toEqual([[]]);
  });

  it('does nothing when nobody asked', () => {
    expect(() => settleWrite({})).not.toThrow();
  });
});
