import { inspect } from 'node:util';
import type { CallInfo } from '@grpc-manifold/core';
import type { OnceWarnings } from '@grpc-manifold/core/internal';
import type { ResolvedQueueOptions } from './options.js';

/** Numbers classifiers over all queues: 0 is none. */
let lastId = 0;

/** Asks the functions of the user's options about a call. A wrong answer counts as none, and is warned of once. */
export class Classifier {
  /** Never used twice. */
  readonly id = (lastId += 1);

  constructor(
    private readonly options: Pick<ResolvedQueueOptions, 'priority' | 'partition'>,
    private readonly warnings: OnceWarnings,
  ) {}

  priorityOf(info: CallInfo): number {
    return this.#ask('priority', this.options.priority, info, isPriority, 0);
  }

  keyOf(info: CallInfo): string {
    return this.#ask('partition', this.options.partition, info, isKey, '');
  }

  #ask<Answer>(
    name: string,
    ask: ((call: CallInfo) => Answer) | undefined,
    info: CallInfo,
    isValid: (answer: unknown) => boolean,
    otherwise: Answer,
  ): Answer {
    try {
      const answer = ask?.(info);
      if (isValid(answer)) return answer as Answer;
      this.#warn(name, `returned ${inspect(answer, { depth: 0 }).slice(0, 80)}`);
    } catch (error) {
      this.#warn(name, `threw: ${String(error)}`);
    }
    return otherwise;
  }

  /** Once a function: it would happen with each call. */
  #warn(name: string, what: string): void {
    this.warnings.warn(name, `queue: ${name} ${what}`);
  }
}

function isPriority(answer: unknown): boolean {
  return typeof answer === 'number' && !Number.isNaN(answer);
}

function isKey(answer: unknown): boolean {
  return typeof answer === 'string';
}
