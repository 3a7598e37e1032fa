import { createHook } from 'node:async_hooks';
import { setImmediate as immediate } from 'node:timers/promises';
import PQueue from 'p-queue';

const never = (): Promise<never> => new Promise(() => undefined);
const ignore = (): void => undefined;

/** Finds out how the installed p-queue behaves where an admission queue is particular. One line each. */
export async function pQueueFacts(): Promise<string[]> {
  return [
    `p-queue starts a task that has room before add() returns: ${yes(startsAtOnce())}`,
    `p-queue starts the next task in the tick in which a slot is freed: ${yes(await startsNextInTheSameTick())}`,
    `p-queue frees the slot of a task that timed out and still runs: ${yes(await freesSlotOnTimeout())}`,
    `p-queue frees the slot of a task that was aborted and still runs: ${yes(await freesSlotOnAbort())}`,
    `p-queue settles what waits when it is cleared: ${yes(await clearSettles())}`,
    `p-queue refuses a task when 100,000 wait: ${yes(await refusesWhenMany())}`,
    `p-queue has ${await promisesPerTask(false)} promises made for a task that waits, runs and ends, ` +
      `${await promisesPerTask(true)} with a signal`,
  ];
}

function yes(fact: boolean): string {
  return fact ? 'yes' : 'no';
}

function startsAtOnce(): boolean {
  let started = false;
  void new PQueue({ concurrency: 1 }).add(() => void (started = true));
  return started;
}

async function startsNextInTheSameTick(): Promise<boolean> {
  const queue = new PQueue({ concurrency: 1 });
  let free = ignore;
  let started = false;
  void queue.add(() => new Promise<void>((resolve) => (free = resolve)));
  void queue.add(() => void (started = true));
  free();
  const atOnce = started;
  await queue.onIdle();
  return atOnce;
}

async function freesSlotOnTimeout(): Promise<boolean> {
  const queue = new PQueue({ concurrency: 1, timeout: 1 });
  queue.add(never).catch(ignore);
  await queue.add(() => undefined);
  return true;
}

async function freesSlotOnAbort(): Promise<boolean> {
  const queue = new PQueue({ concurrency: 1 });
  const controller = new AbortController();
  queue.add(never, { signal: controller.signal }).catch(ignore);
  let started = false;
  void queue.add(() => void (started = true));
  controller.abort();
  await immediate();
  return started;
}

async function clearSettles(): Promise<boolean> {
  const queue = new PQueue({ concurrency: 1 });
  void queue.add(never);
  let settled = false;
  const done = (): void => void (settled = true);
  queue.add(() => undefined).then(done, done);
  queue.clear();
  await immediate();
  return settled;
}

async function refusesWhenMany(): Promise<boolean> {
  const queue = new PQueue({ concurrency: 1 });
  void queue.add(never);
  let refused = false;
  for (let i = 0; i < 100_000; i++) queue.add(ignore).catch(() => (refused = true));
  await immediate();
  return refused || queue.size !== 100_000;
}

/** Nothing is awaited while it counts: that would make promises too. */
function promisesPerTask(withSignal: boolean): Promise<number> {
  const tasks = 100;
  const queue = new PQueue({ concurrency: 1 });
  let free = ignore;
  const task = (): Promise<void> => new Promise((resolve) => (free = resolve));
  void queue.add(task);
  return new Promise((resolve) => {
    let promises = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (type === 'PROMISE') promises += 1;
      },
    }).enable();
    for (let i = 0; i < tasks; i++) {
      void queue.add(task, withSignal ? { signal: new AbortController().signal } : {});
    }
    const freeOne = (left: number): void => {
      free();
      if (left > 1) setImmediate(freeOne, left - 1);
      else {
        setImmediate(() => {
          hook.disable();
          resolve(Math.round(promises / tasks));
        });
      }
    };
    freeOne(tasks);
  });
}
