import { describe, expect, it } from 'vitest';
import { Draining } from './draining.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { PoolAlarm } from '../reports/stats.js';

interface TestMember {
  readonly id: number;
  state: 'ready' | 'draining';
  inFlightCalls: number;
  isStalled: boolean;
}

function setUp(maxDrainingChannels: number) {
  const members: TestMember[] = [];
  const alarms: PoolAlarm[] = [];
  const givenUp: number[] = [];
  const draining = new Draining({
    get open() {
      return members as unknown as PooledChannel[];
    },
    maxDrainingChannels: () => maxDrainingChannels,
    giveUp: (member, reason, fault) => {
      expect(fault).toEqual({ tag: 'stalled', detail: reason });
      givenUp.push(member.id);
      members.splice(members.indexOf(member as unknown as TestMember), 1);
    },
    onAlarm: (alarm) => alarms.push(alarm),
  });
  const add = (count: number, more: Partial<TestMember> = {}): void => {
    for (let added = 0; added < count; added += 1) {
      members.push({ id: members.length + 1, state: 'draining', inFlightCalls: 2, isStalled: false, ...more });
      draining.review();
    }
  };
  return { members, alarms, givenUp, draining, add };
}

describe('connections that drain', () => {
  it('are all kept that show life, however many they are', () => {
    const { draining, givenUp, add } = setUp(2);
    add(50);
    expect(draining.count).toBe(50);
    expect(givenUp).toEqual([]);
  });

  it('leave no place for one more that the pool would drain by its own choice, once they are as many as may', () => {
    const { draining, add } = setUp(2);
    expect([draining.mayDrain, draining.slots]).toEqual([true, 2]);
    add(1);
    expect([draining.mayDrain, draining.slots]).toEqual([true, 1]);
    add(3);
    expect([draining.mayDrain, draining.slots]).toEqual([false, 0]);
  });

  it('are given up, the oldest first, where more than that many are stalled and have calls', () => {
    const { givenUp, add } = setUp(2);
    add(1);
    add(1, { isStalled: true, inFlightCalls: 0 });
    add(2, { isStalled: true });
    expect(givenUp).toEqual([]);
    add(1, { isStalled: true });
    expect(givenUp).toEqual([3]);
  });

  it('raise an alarm once above the bound, and again after half of it was reached', () => {
    const { alarms, draining, members, add } = setUp(4);
    add(4);
    expect(alarms).toEqual([]);
    add(3);
    expect(alarms).toEqual([{ reason: 'draining', drainingChannels: 5, maxDrainingChannels: 4, inFlightCalls: 10 }]);
    members.splice(3);
    draining.review();
    add(3);
    expect(alarms).toHaveLength(1);
    members.splice(2);
    draining.review();
    add(3);
    expect(alarms).toHaveLength(2);
  });

  it('raise it again with a bound of one only when none is left', () => {
    const { alarms, draining, members, add } = setUp(1);
    add(2);
    members.splice(1);
    draining.review();
    add(1);
    expect(alarms).toHaveLength(1);
    members.splice(0);
    draining.review();
    add(2);
    expect(alarms).toHaveLength(2);
  });
});
