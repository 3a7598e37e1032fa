import { EventEmitter } from 'node:events';
import { propagate, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachToParent, detachFromParent, propagates, type ChildCall, type ParentCall } from './parent-calls.js';

/** The part of a server call that its children use. */
class ServerCall extends EventEmitter {
  cancelled = false;

  cancel(): void {
    this.cancelled = true;
    this.emit('cancelled', 'cancelled');
  }

  get asParent(): ParentCall {
    return this as unknown as ParentCall;
  }
}

class Child implements ChildCall {
  readonly cancels: string[] = [];

  cancelWithStatus(code: status, details: string): void {
    this.cancels.push(`${status[code]}: ${details}`);
  }
}

const CANCELLED = 'CANCELLED: Cancelled by parent call';

describe('propagates', () => {
  it.each([
    ['undefined', undefined, true, true],
    ['null', null, true, true],
    ['the defaults', propagate.DEFAULTS, true, true],
    ['nothing', 0, false, false],
    ['the deadline', propagate.DEADLINE, true, false],
    ['the cancellation', propagate.CANCELLATION, false, true],
    ['both', propagate.DEADLINE | propagate.CANCELLATION, true, true],
    ['something else', propagate.CENSUS_STATS_CONTEXT, false, false],
  ])('with flags that are %s', (_what, flags, deadline, cancellation) => {
    expect(propagates(flags, propagate.DEADLINE)).toBe(deadline);
    expect(propagates(flags, propagate.CANCELLATION)).toBe(cancellation);
  });
});

describe('attachToParent', () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);

  beforeEach(() => void process.on('warning', onWarning));
  afterEach(() => {
    process.off('warning', onWarning);
    warnings.length = 0;
  });

  it('cancels every child of a cancelled parent, with one listener for all', () => {
    const parent = new ServerCall();
    const children = [new Child(), new Child(), new Child()];
    for (const child of children) attachToParent(parent.asParent, child);
    expect(parent.listenerCount('cancelled')).toBe(1);
    parent.cancel();
    expect(children.map((child) => child.cancels)).toEqual([[CANCELLED], [CANCELLED], [CANCELLED]]);
  });

  it('cancels a child at once when its parent is already cancelled, and adds no listener', () => {
    const parent = new ServerCall();
    parent.cancel();
    const child = new Child();
    attachToParent(parent.asParent, child);
    expect(child.cancels).toEqual([CANCELLED]);
    expect(parent.listenerCount('cancelled')).toBe(0);
    detachFromParent(parent.asParent, child);
    expect(parent.listenerCount('cancelled')).toBe(0);
  });

  it('keeps the listener until the last child is detached', () => {
    const parent = new ServerCall();
    const [first, second] = [new Child(), new Child()];
    attachToParent(parent.asParent, first);
    attachToParent(parent.asParent, second);
    detachFromParent(parent.asParent, first);
    detachFromParent(parent.asParent, first);
    expect(parent.listenerCount('cancelled')).toBe(1);
    parent.emit('cancelled');
    expect([first.cancels, second.cancels]).toEqual([[], [CANCELLED]]);
    detachFromParent(parent.asParent, second);
    expect(parent.listenerCount('cancelled')).toBe(0);
  });

  it('accepts new children after the last one was detached', () => {
    const parent = new ServerCall();
    const child = new Child();
    attachToParent(parent.asParent, child);
    detachFromParent(parent.asParent, child);
    attachToParent(parent.asParent, child);
    expect(parent.listenerCount('cancelled')).toBe(1);
    parent.cancel();
    expect(child.cancels).toEqual([CANCELLED]);
  });

  it('lets children detach themselves and their siblings while they are being cancelled', () => {
    const parent = new ServerCall();
    const ended: number[] = [];
    const children: ChildCall[] = Array.from({ length: 5 }, (_, index) => ({
      cancelWithStatus: () => {
        ended.push(index);
        detachFromParent(parent.asParent, children[index] as ChildCall);
      },
    }));
    for (const child of children) attachToParent(parent.asParent, child);
    parent.cancel();
    expect(ended).toEqual([0, 1, 2, 3, 4]);
    expect(parent.listenerCount('cancelled')).toBe(0);
  });

  it('cancels only the children of the cancelled parent', () => {
    const [one, other] = [new ServerCall(), new ServerCall()];
    const [child, stranger] = [new Child(), new Child()];
    attachToParent(one.asParent, child);
    attachToParent(other.asParent, stranger);
    detachFromParent(one.asParent, stranger);
    one.cancel();
    expect([child.cancels, stranger.cancels]).toEqual([[CANCELLED], []]);
    expect(other.listenerCount('cancelled')).toBe(1);
  });

  it('leaves no listener and causes no warning after 1,000 children, sequential or concurrent', async () => {
    const parent = new ServerCall();
    for (let count = 0; count < 1_000; count += 1) {
      const child = new Child();
      attachToParent(parent.asParent, child);
      detachFromParent(parent.asParent, child);
    }
    expect(parent.listenerCount('cancelled')).toBe(0);
    const children = Array.from({ length: 1_000 }, () => new Child());
    for (const child of children) attachToParent(parent.asParent, child);
    expect(parent.listenerCount('cancelled')).toBe(1);
    for (const child of children) detachFromParent(parent.asParent, child);
    expect(parent.listenerCount('cancelled')).toBe(0);
    // Node warns of a leak in the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  it('ignores the detachment of a child that was never attached', () => {
    expect(() => detachFromParent(new ServerCall().asParent, new Child())).not.toThrow();
  });
});
