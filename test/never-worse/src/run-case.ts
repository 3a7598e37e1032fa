import { leakCheck } from '@grpc-manifold/testing';
import type { Case } from './case.js';
import type { Seen } from './seen.js';
import { Stage, type Shared } from './stage.js';
import type { WayName } from './way.js';

/**
 * Lets a case happen to one kind of client. Rejects when it does not play out, or leaves a socket, server or process
 * behind.
 */
export async function runCase({ run }: Case, way: WayName, shared: Shared): Promise<Seen> {
  const leaks = leakCheck();
  const seen = await playOut(run, new Stage(way, shared));
  await leaks.expectNothingLeft();
  return seen;
}

async function playOut(run: Case['run'], stage: Stage): Promise<Seen> {
  try {
    return await run(stage);
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}
