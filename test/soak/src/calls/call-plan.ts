import { status } from '@grpc/grpc-js';
import type { Draw } from '../draw.js';

/** How a call is made: through the generated client, or with an owner (`scoped`, `scopedUpload`). */
export const CALL_KINDS = [
  'unary',
  'server-stream',
  'client-stream',
  'bidi',
  'scoped server-stream',
  'scoped client-stream',
  'scoped bidi',
] as const;
export type SoakCallKind = (typeof CALL_KINDS)[number];

/** What one call is to do. */
export interface CallPlan {
  readonly kind: SoakCallKind;
  /** Messages each way, where there may be several. */
  readonly messages: number;
  /** Milliseconds before each answer. */
  readonly delayMs: number;
  /** Bytes of each answer. */
  readonly responseBytes: number;
  /** The status that the server is to end it with. */
  readonly statusCode: number;
  /** It never ends unless somebody ends it. */
  readonly hangs: boolean;
  /** Milliseconds from its start. */
  readonly deadlineMs: number | undefined;
  /** Milliseconds from its start after which it is cancelled, or its loop is left. */
  readonly cancelAfterMs: number | undefined;
  readonly waitForReady: boolean;
}

const WEIGHTS: Readonly<Record<SoakCallKind, number>> = {
  unary: 60,
  'server-stream': 8,
  'client-stream': 6,
  bidi: 8,
  'scoped server-stream': 6,
  'scoped client-stream': 4,
  'scoped bidi': 8,
};

/** Draws a call. */
export function drawCall(draw: Draw): CallPlan {
  const kind = draw.weighted(WEIGHTS);
  const isUnary = kind === 'unary';
  // A long stream is what a fault meets in the middle.
  const isLong = !isUnary && draw.chance(0.2);
  const hangs = draw.chance(0.04);
  const cancels = hangs || draw.chance(0.08);
  const hasDeadline = draw.chance(0.4);
  return {
    kind,
    messages: isLong ? draw.whole(10, 40) : draw.whole(1, 5),
    delayMs: draw.chance(0.3) ? 0 : draw.whole(1, isLong ? 150 : 40),
    responseBytes: draw.chance(0.05) ? draw.oneOf([16_384, 65_536, 300_000]) : draw.whole(0, 512),
    statusCode: draw.chance(0.05) ? draw.oneOf([status.NOT_FOUND, status.FAILED_PRECONDITION, status.ABORTED]) : 0,
    hangs,
    cancelAfterMs: cancels ? draw.whole(0, isLong ? 2_000 : 300) : undefined,
    deadlineMs: hasDeadline ? draw.whole(50, 5_000) : undefined,
    waitForReady: draw.chance(0.15),
  };
}
