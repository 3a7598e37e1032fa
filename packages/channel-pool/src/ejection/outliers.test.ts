import { describe, expect, it } from 'vitest';
import type { TransportFault } from '@grpc-manifold/core';
import {
  ASK_SILENT_AFTER_MS,
  EJECTION_MS,
  isPanic,
  isTrialDue,
  judge,
  SILENT_MS,
  SLOW_FOR_MS,
  type Decision,
} from './outliers.js';
import { note } from './note.js';
import { FAULTS_IN_A_ROW, TRIAL_MS, Vitals } from '../member/vitals.js';

const RESET: TransportFault = { tag: 'reset', detail: 'Received RST_STREAM with code 2' };
const LOOK_MS = 100;

/** Connections whose calls have gone as a test says, at a time that stands still but for its looks. */
class Ward {
  nowMs = 1_000_000;
  readonly all: Vitals[];
  readonly #life = new Map<Vitals, number>();

  constructor(
    connections = 4,
    readonly measuresLatency = true,
  ) {
    this.all = Array.from({ length: connections }, () => new Vitals());
  }

  get first(): Vitals {
    return this.all[0] as Vitals;
  }

  /** Calls that were answered just now. */
  answers(of: Vitals, tookMs: number, times = 1): void {
    for (let call = 0; call < times; call += 1) {
      of.given(this.nowMs - tookMs);
      of.answered(this.nowMs - tookMs, this.nowMs, true);
    }
  }

  breaks(of: Vitals, times: number, fault = RESET): boolean {
    let isDecisive = false;
    for (let call = 0; call < times; call += 1) {
      of.given(this.nowMs);
      isDecisive = of.broken(fault, this.nowMs, this.nowMs);
    }
    return isDecisive;
  }

  lives(of: Vitals): void {
    this.#life.set(of, (this.#life.get(of) ?? 0) + 1);
  }

  judge(): string[] {
    return this.#judge().map((decision) => this.#told(decision));
  }

  #judge(): readonly Decision[] {
    const judgement = judge(this.all, this.nowMs, this.measuresLatency);
    note(this.all, judgement, this.nowMs, () => this.canAsk);
    return judgement.decisions;
  }

  /** Goes on looking for a time; says what was decided, and when. Whoever is asked is known to have been. */
  lookFor(ms: number, onLook: () => void = () => undefined): string[] {
    const told: string[] = [];
    for (let passedMs = LOOK_MS; passedMs <= ms; passedMs += LOOK_MS) {
      this.nowMs += LOOK_MS;
      onLook();
      for (const each of this.all) each.look(this.#life.get(each) ?? 0, LOOK_MS);
      for (const decision of this.#judge()) told.push(`${passedMs}: ${this.#told(decision)}`);
    }
    return told;
  }

  canAsk = true;
  readonly #names = new Map<Vitals, number>();

  #told({ kind, vitals }: Decision): string {
    for (const each of this.all) if (!this.#names.has(each)) this.#names.set(each, this.#names.size + 1);
    return `${kind} ${this.#names.get(vitals)}`;
  }
}

describe('faults', () => {
  it.each([
    { broken: FAULTS_IN_A_ROW - 1, verdicts: [] },
    { broken: FAULTS_IN_A_ROW, verdicts: ['eject 1'] },
  ])('$broken in a row: $verdicts', ({ broken, verdicts }) => {
    const ward = new Ward();
    expect(ward.breaks(ward.first, broken)).toBe(verdicts.length > 0);
    expect(ward.judge()).toEqual(verdicts);
  });

  it('are none in a row when an answer, of whatever kind, came in between', () => {
    const ward = new Ward();
    ward.breaks(ward.first, FAULTS_IN_A_ROW - 1);
    ward.answers(ward.first, 1);
    ward.breaks(ward.first, FAULTS_IN_A_ROW - 1);
    expect(ward.judge()).toEqual([]);
  });

  it('go on in a row over cancels and deadlines, which say nothing', () => {
    const ward = new Ward();
    ward.breaks(ward.first, FAULTS_IN_A_ROW - 1);
    ward.first.given(ward.nowMs);
    ward.first.dropped(ward.nowMs);
    ward.first.given(ward.nowMs - 10);
    ward.first.missed(ward.nowMs - 10, ward.nowMs, true);
    ward.breaks(ward.first, 1);
    expect(ward.judge()).toEqual(['eject 1']);
  });

  it('of a burst that was refused at once count as one', () => {
    const ward = new Ward();
    const refused: TransportFault = { tag: 'refused-stream', detail: 'Stream refused by server' };
    ward.breaks(ward.first, 100, refused);
    expect(ward.judge()).toEqual([]);
    for (let burst = 1; burst < FAULTS_IN_A_ROW; burst += 1) {
      ward.nowMs += 1;
      ward.breaks(ward.first, 100, refused);
    }
    expect(ward.judge()).toEqual(['eject 1']);
  });

  it('tell what happened', () => {
    const ward = new Ward();
    ward.breaks(ward.first, FAULTS_IN_A_ROW);
    ward.judge();
    expect(ward.first.ejection).toMatchObject({ fault: RESET, isForLatency: false, untilMs: ward.nowMs + EJECTION_MS });
    expect(ward.first.ejection?.reason).toBe(`5 calls in a row failed on it, the last by: ${RESET.detail}`);
  });
});

describe('latency', () => {
  it.each([
    { one: 100, others: [10, 10, 10], ejected: true, why: 'more than three times as slow' },
    { one: 100, others: [40, 40, 40], ejected: false, why: 'less than three times as slow' },
    { one: 21, others: [1, 1, 1], ejected: false, why: 'not 20 ms slower' },
    { one: 22, others: [1, 1, 1], ejected: true, why: 'just more than 20 ms slower' },
    { one: 100, others: [10, 10], ejected: true, why: 'three are enough to tell' },
    { one: 100, others: [10], ejected: false, why: 'of two none can be told to be the slow one' },
    { one: 100, others: [], ejected: false, why: 'one alone is as slow as it is' },
    { one: 100, others: [10, 10, 90], ejected: true, why: 'the median of the others counts, not the slowest' },
    { one: 100, others: [10, 90, 90], ejected: false, why: 'most of the others are slow as well' },
  ])('$one ms beside $others: $ejected, $why', ({ one, others, ejected }) => {
    const ward = new Ward(others.length + 1);
    const settle = (): void =>
      ward.all.forEach((each, index) => ward.answers(each, index === 0 ? one : (others[index - 1] as number), 30));
    settle();
    expect(ward.judge()).toEqual([]);
    // What is slow was only known then, and may be a burst of which somebody is last.
    settle();
    expect(ward.judge()).toEqual([]);
    ward.nowMs += SLOW_FOR_MS;
    settle();
    expect(ward.judge()).toEqual(ejected ? ['eject 1'] : []);
  });

  it('is no matter of one burst, of whose answers somebody gets the last', () => {
    const ward = new Ward();
    for (const each of ward.all) ward.answers(each, 1, 30);
    ward.judge();
    ward.all.forEach((each, index) => ward.answers(each, index === 0 ? 500 : 20, 1_000));
    expect(ward.judge()).toEqual([]);
    ward.nowMs += SLOW_FOR_MS;
    expect(ward.judge()).toEqual([]);
  });

  it('ejects the slowest alone, one at a look', () => {
    const ward = new Ward(7);
    const settle = (): void => ward.all.forEach((each, index) => ward.answers(each, index < 2 ? 200 - index : 10, 30));
    settle();
    expect(ward.judge()).toEqual([]);
    settle();
    ward.nowMs += SLOW_FOR_MS;
    settle();
    expect(ward.judge()).toEqual(['eject 1']);
    expect(ward.judge()).toEqual(['eject 2']);
  });

  it('is no matter where slow calls are mixed with quick ones on one connection by chance', () => {
    const ward = new Ward();
    for (let round = 0; round < 100; round += 1) {
      for (const each of ward.all) ward.answers(each, 1, 10);
      ward.answers(ward.first, 2_000, 10);
      ward.answers(ward.first, 1);
      expect(ward.judge()).toEqual([]);
    }
    expect(ward.first.ewmaMs).toBeGreaterThan(1_000);
  });

  it('is no matter where calls are not spread alike', () => {
    const ward = new Ward(4, false);
    for (let round = 0; round < 3; round += 1) {
      ward.all.forEach((each, index) => ward.answers(each, index === 0 ? 500 : 1, 30));
      expect(ward.judge()).toEqual([]);
    }
  });

  it('does not count what the others were before they had nothing to do', () => {
    const ward = new Ward();
    for (const each of ward.all) ward.answers(each, 1, 30);
    ward.judge();
    ward.nowMs += 10_001;
    for (let round = 0; round < 3; round += 1) {
      ward.answers(ward.first, 100, 30);
      expect(ward.judge()).toEqual([]);
    }
  });

  it('does not count what a busy process measured', () => {
    const ward = new Ward();
    for (const each of ward.all) ward.answers(each, 1, 30);
    ward.judge();
    for (let call = 0; call < 100; call += 1) {
      ward.first.given(ward.nowMs - 3_000);
      ward.first.answered(ward.nowMs - 3_000, ward.nowMs, false);
    }
    expect(ward.judge()).toEqual([]);
  });

  it('takes a deadline that passed without an answer for a time that it took at the least', () => {
    const ward = new Ward();
    for (const each of ward.all) ward.answers(each, 1, 30);
    ward.judge();
    for (let call = 0; call <= 20; call += 1) {
      ward.first.given(ward.nowMs - 250);
      ward.first.missed(ward.nowMs - 250, ward.nowMs, true);
      ward.nowMs += SLOW_FOR_MS / 20;
    }
    expect(ward.judge()).toEqual(['eject 1']);
  });
});

describe('silence', () => {
  it('is asked about first, and ejects when nothing comes of it', () => {
    const ward = new Ward();
    ward.lookFor(LOOK_MS);
    ward.first.given(ward.nowMs);
    const askedAtMs = Math.ceil(ASK_SILENT_AFTER_MS / LOOK_MS) * LOOK_MS;
    expect(ward.lookFor(10_000)).toEqual([`${askedAtMs}: ask 1`, `${askedAtMs + SILENT_MS}: eject 1`]);
  });

  it('is none while nothing was given since the last sign of life', () => {
    const ward = new Ward();
    expect(ward.lookFor(60_000)).toEqual([]);
  });

  it('may be long when the connection has answered the question: streams wait for their first answer by right', () => {
    const ward = new Ward();
    ward.lookFor(LOOK_MS);
    ward.first.given(ward.nowMs);
    const answerWhenAsked = (): void => {
      if (ward.first.asking === 'asked') ward.lives(ward.first);
    };
    expect(ward.lookFor(60_000, answerWhenAsked)).toEqual(['300: ask 1']);
  });

  it('lasts, once asked about, although its calls have ended meanwhile', () => {
    const ward = new Ward();
    ward.lookFor(LOOK_MS);
    ward.first.given(ward.nowMs);
    const givenAtMs = ward.nowMs;
    expect(ward.lookFor(300)).toEqual(['300: ask 1']);
    ward.first.missed(givenAtMs, ward.nowMs, true);
    expect(ward.lookFor(SILENT_MS)).toEqual([`${SILENT_MS}: eject 1`]);
  });

  it('must be longer where the others take long for their answers', () => {
    const ward = new Ward();
    for (const each of ward.all) ward.answers(each, 1_000, 30);
    ward.lookFor(LOOK_MS);
    ward.first.given(ward.nowMs);
    expect(ward.lookFor(4_000)).toEqual(['300: ask 1', '3300: eject 1']);
  });

  describe('where it cannot be asked about', () => {
    it('says nothing while streams wait', () => {
      const ward = new Ward();
      ward.canAsk = false;
      ward.lookFor(LOOK_MS);
      for (let call = 0; call < 10; call += 1) ward.first.given(ward.nowMs);
      expect(ward.lookFor(60_000)).toEqual(['300: ask 1']);
    });

    it('ejects after five seconds in which five deadlines passed', () => {
      const ward = new Ward();
      ward.canAsk = false;
      ward.lookFor(LOOK_MS);
      const givenAtMs = ward.nowMs;
      for (let call = 0; call < 6; call += 1) ward.first.given(givenAtMs);
      expect(ward.lookFor(1_000)).toEqual(['300: ask 1']);
      for (let call = 0; call < 5; call += 1) ward.first.missed(givenAtMs, ward.nowMs, true);
      expect(ward.lookFor(4_000)).toEqual(['4000: eject 1']);
    });
  });
});

describe('coming back', () => {
  /** One that was ejected for its faults, and has been for as long as that lasts. */
  function ejected(): Ward {
    const ward = new Ward();
    ward.breaks(ward.first, FAULTS_IN_A_ROW);
    ward.judge();
    ward.nowMs += EJECTION_MS;
    return ward;
  }

  it('is tried by one call when the time is up', () => {
    const ward = ejected();
    expect(isTrialDue(ward.first, ward.nowMs - 1)).toBe(false);
    expect(isTrialDue(ward.first, ward.nowMs)).toBe(true);
    ward.first.given(ward.nowMs);
    expect(isTrialDue(ward.first, ward.nowMs)).toBe(false);
  });

  it('is done with an answer, and the row of faults with it', () => {
    const ward = ejected();
    ward.answers(ward.first, 0);
    expect(ward.judge()).toEqual(['readmit 1']);
    expect(ward.first.ejection).toBeUndefined();
    ward.breaks(ward.first, FAULTS_IN_A_ROW - 1);
    expect(ward.judge()).toEqual([]);
  });

  it('is not done by an answer to a call that was given before the time was up', () => {
    const ward = ejected();
    ward.answers(ward.first, 1);
    expect(ward.judge()).toEqual([]);
    expect(ward.first.ejection).toBeDefined();
  });

  it('is put off for longer each time that the call fails, for five minutes at the most', () => {
    const ward = ejected();
    const lasted: number[] = [];
    for (let time = 2; time <= 70; time += 1) {
      expect(ward.breaks(ward.first, 1)).toBe(true);
      expect(ward.judge()).toEqual(['eject 1']);
      lasted.push((ward.first.ejection?.untilMs ?? 0) - ward.nowMs);
      ward.nowMs = ward.first.ejection?.untilMs ?? 0;
    }
    expect(lasted.slice(0, 3)).toEqual([10_000, 15_000, 20_000]);
    expect(Math.max(...lasted)).toBe(300_000);
  });

  it.each([
    { afterMs: 59_999, lastsMs: 2 * EJECTION_MS },
    { afterMs: 60_000, lastsMs: EJECTION_MS },
  ])('ejected again $afterMs ms after it came back, it is for $lastsMs ms', ({ afterMs, lastsMs }) => {
    const ward = ejected();
    ward.answers(ward.first, 0);
    ward.judge();
    ward.nowMs += afterMs;
    ward.breaks(ward.first, FAULTS_IN_A_ROW);
    ward.judge();
    expect((ward.first.ejection?.untilMs ?? 0) - ward.nowMs).toBe(lastsMs);
  });

  it.each([
    ['a cancel', (ward: Ward) => ward.first.dropped(ward.nowMs)],
    ['a deadline that was short', (ward: Ward) => ward.first.missed(ward.nowMs, ward.nowMs + 50, true)],
  ])('is decided by the next call when this one ended by %s', (_what, end) => {
    const ward = ejected();
    ward.first.given(ward.nowMs);
    end(ward);
    expect(ward.judge()).toEqual([]);
    expect(isTrialDue(ward.first, ward.nowMs)).toBe(true);
  });

  it('is decided by a deadline that was long enough', () => {
    const ward = ejected();
    ward.first.given(ward.nowMs);
    ward.nowMs += TRIAL_MS;
    ward.first.missed(ward.nowMs - TRIAL_MS, ward.nowMs, true);
    expect(ward.judge()).toEqual(['eject 1']);
  });

  it('is tried by another call when this one waits for long: it may be a quiet stream', () => {
    const ward = ejected();
    ward.first.given(ward.nowMs);
    expect(isTrialDue(ward.first, ward.nowMs + TRIAL_MS)).toBe(false);
    expect(isTrialDue(ward.first, ward.nowMs + TRIAL_MS + 1)).toBe(true);
  });

  it('is done when the call waits for long and the connection lives: it may be a quiet stream', () => {
    const ward = ejected();
    ward.first.given(ward.nowMs);
    expect(ward.lookFor(TRIAL_MS, () => ward.lives(ward.first))).toEqual([]);
    expect(ward.lookFor(LOOK_MS, () => ward.lives(ward.first))).toEqual([`${LOOK_MS}: readmit 1`]);
  });

  it('is not done when the call waits for long and the connection gives no sign of life', () => {
    const ward = ejected();
    ward.first.given(ward.nowMs);
    expect(ward.lookFor(2 * TRIAL_MS)).not.toContainEqual(expect.stringContaining('readmit'));
  });

  it.each([
    { why: 'others tell how long one takes', areAnswered: true, verdict: 'eject 1' },
    { why: 'nobody is answered', areAnswered: false, verdict: 'readmit 1' },
  ])('after it was slow: a call that waits for long is "$verdict" where $why', ({ areAnswered, verdict }) => {
    const ward = new Ward();
    for (let round = 0; round < 3; round += 1) {
      ward.all.forEach((each, index) => ward.answers(each, index === 0 ? 100 : 10, 30));
      ward.judge();
      ward.nowMs += SLOW_FOR_MS;
    }
    expect(ward.first.ejection).toBeDefined();
    ward.nowMs += 10_001;
    if (areAnswered) ward.all.slice(1).forEach((each) => ward.answers(each, 10, 30));
    ward.first.given(ward.nowMs);
    const told = ward.lookFor(TRIAL_MS + LOOK_MS, () => ward.lives(ward.first));
    expect(told).toEqual([`${TRIAL_MS + LOOK_MS}: ${verdict}`]);
  });

  it('is not tried while it owes a sign of life', () => {
    const ward = ejected();
    ward.first.asking = 'asked';
    expect(isTrialDue(ward.first, ward.nowMs)).toBe(false);
  });

  it.each([
    { tookMs: 100, verdict: 'eject 1' },
    { tookMs: 10, verdict: 'readmit 1' },
  ])('after it was slow: an answer in $tookMs ms is "$verdict"', ({ tookMs, verdict }) => {
    const ward = new Ward();
    for (let round = 0; round < 3; round += 1) {
      ward.all.forEach((each, index) => ward.answers(each, index === 0 ? 100 : 10, 30));
      ward.judge();
      ward.nowMs += SLOW_FOR_MS;
    }
    ward.nowMs = ward.first.ejection?.untilMs ?? 0;
    ward.all.slice(1).forEach((each) => ward.answers(each, 10, 30));
    ward.judge();
    ward.first.given(ward.nowMs);
    ward.nowMs += tookMs;
    ward.first.answered(ward.nowMs - tookMs, ward.nowMs, true);
    expect(ward.judge()).toEqual([verdict]);
  });
});

describe('panic', () => {
  it.each([
    [0, 1, false],
    [1, 1, true],
    [1, 2, false],
    [2, 2, true],
    [1, 3, false],
    [2, 3, true],
    [2, 4, false],
    [3, 4, true],
  ])('%i of %i ejected: %s', (ejected, connections, isOne) => {
    expect(isPanic(ejected, connections)).toBe(isOne);
  });
});
