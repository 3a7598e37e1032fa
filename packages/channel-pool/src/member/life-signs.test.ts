import { beforeEach, describe, expect, it } from 'vitest';
import type { TransportFault } from '@grpc-manifold/core';
import type { Connection, SessionState } from '@grpc-manifold/core/internal';
import { FakeClock, settled } from '@grpc-manifold/testing';
import { LifeSigns } from './life-signs.js';

/** What is asked of a connection, and answered when the test says so. */
class TestConnection implements Pick<Connection, 'session' | 'bytesRead' | 'ask' | 'ping'> {
  session: SessionState = 'open';
  bytesRead = 0;
  refuses = false;
  readonly asked: ((isAnswered: boolean) => void)[] = [];
  readonly pinged: (() => void)[] = [];

  ask(onAnswer: (isAnswered: boolean) => void): boolean {
    if (this.refuses) return false;
    this.asked.push(onAnswer);
    return true;
  }

  ping(onEnd: () => void): boolean {
    if (this.refuses) return false;
    this.pinged.push(onEnd);
    return true;
  }
}

const SILENCE_TIMEOUT_MS = 60_000;

describe('LifeSigns', () => {
  let clock: FakeClock;
  let connection: TestConnection;
  let life: LifeSigns;
  let startedCalls: number;
  let answers: number;
  let deaths: TransportFault[];
  let unverified: TransportFault[];
  let stalls: TransportFault[];

  beforeEach(() => {
    clock = new FakeClock();
    connection = new TestConnection();
    startedCalls = 0;
    answers = 0;
    deaths = [];
    unverified = [];
    stalls = [];
    life = new LifeSigns(clock, connection, SILENCE_TIMEOUT_MS, {
      startedCalls: () => startedCalls,
      onAnswer: () => (answers += 1),
      onDeath: (fault) => deaths.push(fault),
      onUnverified: (fault) => unverified.push(fault),
      onStalled: (fault) => stalls.push(fault),
    });
  });

  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    await settled();
  }

  describe('silence', () => {
    it('begins with what a call last heard', async () => {
      await pass(300);
      life.heard();
      await pass(200);
      expect(life.look()).toBe(200);
    });

    it('ends with bytes that belong to no call, when they are seen', async () => {
      await pass(300);
      expect(life.look()).toBe(300);
      connection.bytesRead = 9;
      expect(life.look()).toBe(0);
      await pass(100);
      expect(life.look()).toBe(100);
    });

    it('is told longer rather than shorter where bytes came that belong to no call, some time between two looks', async () => {
      expect(life.look()).toBe(0);
      await pass(300);
      connection.bytesRead = 9;
      await pass(700);
      expect(life.look()).toBe(1_000);
      await pass(100);
      expect(life.look()).toBe(1_100);
    });

    it.each(['ask', 'ping'] as const)('ends with the very answer to %s', async (how) => {
      if (how === 'ask') life.ask();
      else life.ping(2_000);
      await pass(300);
      connection.bytesRead = 17;
      connection.asked[0]?.(true);
      connection.pinged[0]?.();
      await pass(700);
      expect(life.look()).toBe(700);
    });

    it('is not shortened by looking long after a call heard something', async () => {
      connection.bytesRead = 50;
      life.heard();
      await pass(1_000);
      expect(life.look()).toBe(1_000);
    });
  });

  describe('a PING', () => {
    it('that is answered leaves nothing', async () => {
      life.ping(2_000);
      expect(life).toMatchObject({ isPinging: true, pings: 1, pingedMs: 0 });
      connection.pinged[0]?.();
      expect(life.isPinging).toBe(false);
      await pass(2_000);
      expect(deaths).toEqual([]);
      expect(life.pingedMs).toBe(2_000);
      expect(clock.pendingTimers).toBe(0);
    });

    it('that is not answered in time is the end', async () => {
      life.ping(2_000);
      await pass(1_999);
      expect(deaths).toEqual([]);
      await pass(1);
      expect(deaths).toEqual([{ tag: 'keepalive-timeout', detail: 'a PING was not answered within 2000 ms' }]);
    });

    it('is as good as answered when anything came in since', async () => {
      life.ping(2_000);
      connection.bytesRead = 1;
      await pass(2_000);
      expect(deaths).toEqual([]);
      expect(life.isPinging).toBe(false);
    });

    it('whose answer lay in the socket while the process was busy is no end', async () => {
      life.ping(2_000);
      // The timer fires before the I/O of the same turn.
      clock.advance(2_000);
      connection.pinged[0]?.();
      await settled();
      expect(deaths).toEqual([]);
    });

    it('is sent once at a time, and not where there is no session', async () => {
      life.ping(2_000);
      life.ping(2_000);
      expect(connection.pinged).toHaveLength(1);
      connection.pinged[0]?.();
      connection.session = 'destroyed';
      life.ping(2_000);
      connection.session = 'open';
      connection.refuses = true;
      life.ping(2_000);
      expect(life).toMatchObject({ pings: 1, isPinging: false });
      await pass(2_000);
      expect(deaths).toEqual([]);
    });

    it('is forgotten with the connection', async () => {
      life.ping(2_000);
      life.close();
      await pass(2_000);
      expect(deaths).toEqual([]);
      expect(clock.pendingTimers).toBe(0);
    });
  });

  describe('a proof that calls arrived', () => {
    it('is the answer to a question that was asked after them', () => {
      startedCalls = 2;
      life.ask();
      startedCalls = 5;
      connection.asked[0]?.(true);
      expect(life.provenCalls).toBe(2);
      life.ask();
      expect(life.provenCalls).toBe(2);
      connection.asked[1]?.(true);
      expect(life.provenCalls).toBe(5);
    });

    it('is not whatever else comes in, nor the end of the session', async () => {
      startedCalls = 3;
      life.requireVerification();
      life.verify();
      life.heard();
      connection.bytesRead = 1;
      await pass(1_000);
      expect(life.needsVerification).toBe(false);
      connection.asked[0]?.(false);
      expect(life.provenCalls).toBe(0);
    });
  });

  describe('a verification', () => {
    it('is put to the test when somebody wants the connection, and once', () => {
      life.requireVerification();
      expect(life.needsVerification).toBe(true);
      expect(connection.asked).toHaveLength(0);
      life.verify();
      life.verify();
      expect(connection.asked).toHaveLength(1);
    });

    it('ends with the answer', async () => {
      life.requireVerification();
      life.verify();
      connection.asked[0]?.(true);
      expect(life.needsVerification).toBe(false);
      expect(answers).toBe(1);
      await pass(1_000);
      expect(unverified).toEqual([]);
      expect(clock.pendingTimers).toBe(0);
    });

    it('is confirmed by silence', async () => {
      await pass(5_000);
      life.requireVerification();
      life.verify();
      await pass(1_000);
      const detail = 'no sign of life within 1000 ms before a call, after 5000 ms of silence';
      expect(unverified).toEqual([{ tag: 'keepalive-timeout', detail }]);
    });

    it('is not ended by the answer to a question that was asked before, nor by messages that come in', async () => {
      life.ask();
      life.requireVerification();
      life.verify();
      expect(connection.asked).toHaveLength(2);
      connection.asked[0]?.(true);
      life.heard();
      expect(life.needsVerification).toBe(true);
      connection.asked[1]?.(true);
      expect(life.needsVerification).toBe(false);
    });

    it('is not ended by a session that dies instead of answering', () => {
      life.requireVerification();
      life.verify();
      connection.asked[0]?.(false);
      expect(life.needsVerification).toBe(true);
      expect(answers).toBe(0);
    });

    it('ends with bytes that came in although the question is not answered', async () => {
      life.requireVerification();
      life.verify();
      connection.bytesRead = 1;
      await pass(1_000);
      expect(unverified).toEqual([]);
      expect(life.needsVerification).toBe(false);
      expect(answers).toBe(1);
    });

    it('is nothing that nobody has', () => {
      life.verify();
      expect(connection.asked).toHaveLength(0);
    });
  });

  it('asks once at a time', () => {
    expect(life.ask()).toBe(true);
    expect(life.ask()).toBe(true);
    expect(connection.asked).toHaveLength(1);
    connection.asked[0]?.(true);
    expect(answers).toBe(1);
    connection.session = 'closing';
    expect(life.ask()).toBe(true);
    connection.asked[1]?.(true);
    connection.session = 'destroyed';
    expect(life.ask()).toBe(false);
  });

  it('asks again after it could not be asked', () => {
    connection.refuses = true;
    expect(life.ask()).toBe(false);
    connection.refuses = false;
    expect(life.ask()).toBe(true);
    expect(connection.asked).toHaveLength(1);
  });
});
