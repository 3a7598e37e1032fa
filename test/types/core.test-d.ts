import { explain, type CallExplanation, type Event, type RefusedBy } from '@grpc-manifold/core';
import type { Emitter } from '@grpc-manifold/core/internal';
import type { Equal, Expect } from './expect.js';

declare const onScale: Event<{ from: number; to: number }>;

const subscription = onScale(({ from, to }) => {
  from satisfies number;
  to satisfies number;
});

// @ts-expect-error A payload has no member that the event does not declare.
onScale(({ reason }) => reason);

// @ts-expect-error A listener is not told more than one payload.
onScale((first, second) => [first, second]);

// @ts-expect-error An event is subscribed to; only its emitter publishes.
onScale.emit({ from: 1, to: 2 });

const explanation = explain(new Error('of anybody'));

// @ts-expect-error An error that none of our layers made has no explanation.
explanation.refusedBy satisfies RefusedBy | undefined;

if (explanation !== undefined) {
  // @ts-expect-error What is told of a call is not to be changed.
  explanation.limit = 5;
}

export type Checks = [
  Expect<Equal<typeof subscription, Disposable>>,
  Expect<Equal<Emitter<string>['event'], Event<string>>>,
  Expect<Equal<Parameters<typeof explain>, [error: unknown]>>,
  Expect<Equal<typeof explanation, CallExplanation | undefined>>,
  Expect<Equal<CallExplanation['limit'], number | undefined>>,
];
