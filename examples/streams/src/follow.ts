import { setTimeout as delay } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import { scoped } from 'grpc-manifold';
import type { NewsroomClient, Story } from './newsroom.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** What another attempt may cure. */
const PASSING: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.INTERNAL]);

/**
 * Gives out the stories of a topic one after the other, each once, and comes back where it left off when the stream
 * breaks. Leaving the loop over it, or aborting, ends the stream that is open.
 */
export async function* follow(client: NewsroomClient, name: string, signal: AbortSignal): AsyncGenerator<Story> {
  let fromNumber = 1;
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      // A server that has said nothing for a minute is as good as gone.
      using stories = scoped(client.follow({ name, fromNumber }), { signal, idleTimeoutMs: 60_000 });
      for await (const story of stories) {
        fromNumber = story.number + 1;
        pauseMs = FIRST_PAUSE_MS;
        yield story;
      }
      return;
    } catch (error) {
      if (signal.aborted || !PASSING.has((error as ServiceError).code)) throw error;
      console.log(`follow: ${(error as ServiceError).details}; again from story ${fromNumber}`);
    }
    // Not all at the same moment, when a server comes back.
    await delay(pauseMs * (0.5 + Math.random()), undefined, { signal });
  }
}
