import { StreamScope } from 'grpc-manifold';
import type { NewsroomClient } from './newsroom.js';

/** Two people talk; when the second has heard enough, the scope ends what is left of both. */
export async function chat(
  client: NewsroomClient,
  onLine: (heard: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await using room = new StreamScope({ onDispose: 'drain', drainTimeoutMs: 1_000, signal });
  const ada = room.add(client.chat());
  const bob = room.add(client.chat());

  await ada.write({ author: 'Ada', text: 'Anything new?' });
  await bob.write({ author: 'Bob', text: 'A leak, but we know where.' });

  let heard = 0;
  for await (const { author, text } of bob) {
    onLine(`${author}: ${text}`);
    heard += 1;
    if (heard === 1 && author === 'Ada') continue;
    break;
  }
  await bob.status;
  onLine(`${room.openStreams.length} of 2 streams still open`);
}
