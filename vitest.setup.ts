import { beforeEach } from 'vitest';
import { giveUpWaits } from './packages/testing/src/clock/open-wait.js';

// The time limit of a test is the only limit of its waits. When it has passed, each says what it waited for.
beforeEach(({ signal, task }) => {
  signal.addEventListener('abort', () => {
    for (const told of giveUpWaits()) console.error(`${task.name}: ${told}`);
  });
});
