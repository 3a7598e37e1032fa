import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Lifecycle, TRANSITIONS, type MemberState, type MemberStateName, type StateActions } from './lifecycle.js';

const STATES: Readonly<Record<MemberStateName, MemberState>> = {
  connecting: { name: 'connecting' },
  ready: { name: 'ready' },
  ejected: { name: 'ejected' },
  draining: { name: 'draining', isReversible: true, isFollowed: true, sinceMs: 5 },
  failed: { name: 'failed' },
  closed: { name: 'closed' },
};
const NAMES = Object.keys(STATES) as MemberStateName[];

/** The shortest way to a state. */
const WAYS: Readonly<Record<MemberStateName, readonly MemberStateName[]>> = {
  connecting: [],
  ready: ['ready'],
  ejected: ['ready', 'ejected'],
  draining: ['ready', 'draining'],
  failed: ['failed'],
  closed: ['closed'],
};

interface Recorded {
  readonly lifecycle: Lifecycle;
  readonly log: string[];
}

/** A lifecycle in a state, with a log of what it does from then on. */
function lifecycleIn(state: MemberStateName, onTold: (lifecycle: Lifecycle) => void = () => undefined): Recorded {
  const log: string[] = [];
  const actionsOf = (name: MemberStateName): StateActions => ({
    onEnter: () => log.push(`enter ${name}`),
    onTold: () => log.push(`told of ${name}`),
    onLeave: () => log.push(`leave ${name}`),
  });
  let isThere = false;
  const lifecycle = new Lifecycle(Object.fromEntries(NAMES.map((name) => [name, actionsOf(name)])), (from, reason) => {
    if (!isThere) return;
    log.push(`tell ${from} -> ${lifecycle.shown}: ${reason}`);
    onTold(lifecycle);
  });
  for (const name of WAYS[state]) lifecycle.change(STATES[name], 'on the way');
  isThere = true;
  log.length = 0;
  return { lifecycle, log };
}

describe.each(NAMES)('from %s', (from) => {
  it.each(NAMES)('to %s only as the table says', (to) => {
    const { lifecycle } = lifecycleIn(from);
    const isAllowed = TRANSITIONS[from].includes(to);
    expect(lifecycle.change(STATES[to], 'a reason')).toBe(isAllowed);
    expect(lifecycle.state.name).toBe(isAllowed ? to : from);
  });
});

it('leaves, enters, tells and acts, in this order', () => {
  const { lifecycle, log } = lifecycleIn('ready');
  lifecycle.change(STATES.draining, 'not needed');
  expect(log).toEqual(['leave ready', 'enter draining', 'tell ready -> draining: not needed', 'told of draining']);
});

it('shows an ejected member as failed', () => {
  const { lifecycle, log } = lifecycleIn('ready');
  lifecycle.change(STATES.ejected, 'faults');
  expect(lifecycle.shown).toBe('failed');
  expect(log).toContain('tell ready -> failed: faults');
});

it('tells nobody of a draining that becomes final', () => {
  const { lifecycle, log } = lifecycleIn('draining');
  lifecycle.change({ name: 'draining', isReversible: false, isFollowed: false, sinceMs: 5 }, '');
  expect(log).toEqual(['enter draining', 'told of draining']);
});

it('lets whoever is told change the state again, and then does nothing more itself', () => {
  const { lifecycle, log } = lifecycleIn('ready', (told) => told.change(STATES.closed, 'by a listener'));
  expect(lifecycle.change(STATES.draining, 'not needed')).toBe(true);
  expect(lifecycle.state.name).toBe('closed');
  expect(log).not.toContain('told of draining');
});

it('acts once on a draining that whoever is told of it makes final', () => {
  const final: MemberState = { name: 'draining', isReversible: false, isFollowed: false, sinceMs: 5 };
  const { lifecycle, log } = lifecycleIn('ready', (told) => told.change(final, 'lost'));
  lifecycle.change(STATES.draining, 'not needed');
  expect(lifecycle.state).toBe(final);
  expect(log.filter((entry) => entry === 'told of draining')).toHaveLength(1);
});

it('is not undrained by somebody who is told that it drains, but later', () => {
  let isUndrained: boolean | undefined;
  const { lifecycle } = lifecycleIn('ready', (told) => (isUndrained ??= told.change(STATES.ready, 'load returned')));
  lifecycle.change(STATES.draining, 'not needed');
  expect(isUndrained).toBe(false);
  expect(lifecycle.change(STATES.ready, 'load returned')).toBe(true);
});

it('is shown by the diagram in docs/life-of-a-member.md', () => {
  const page = readFileSync(new URL('../../../../docs/life-of-a-member.md', import.meta.url), 'utf8');
  const arrows = [...page.matchAll(/^ {2}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} -> ${to}`);
  const allowed = NAMES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} -> ${to}`));
  expect(arrows.sort()).toEqual(allowed.sort());
});
