import { scopedUpload } from 'grpc-manifold';
import type { Chunk, NewsroomClient, Receipt } from './newsroom.js';

/**
 * Sends a file piece by piece. `write` resolves when the piece is on its way, so no more than a few are in memory,
 * however slow the server; and what it has resolved for is what the progress counts.
 */
export async function submit(
  client: NewsroomClient,
  file: AsyncIterable<Buffer>,
  onProgress: (sentBytes: number) => void,
  signal?: AbortSignal,
): Promise<Receipt> {
  using upload = scopedUpload<Chunk, Receipt>(
    (callback) => client.submit(callback),
    signal === undefined ? {} : { signal },
  );
  let sentBytes = 0;
  for await (const content of file) {
    await upload.write({ content });
    sentBytes += content.length;
    onProgress(sentBytes);
  }
  return await upload.finish();
}
