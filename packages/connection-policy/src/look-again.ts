/**
 * Milliseconds until a policy looks again after it has asked for something that the pool may not be able to do at once,
 * as when another connection is being replaced, or for something that no change of state will tell it of.
 */
export const LOOK_AGAIN_MS = 1_000;
