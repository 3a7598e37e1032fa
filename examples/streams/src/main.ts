import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { credentials } from '@grpc/grpc-js';
import { SingleBar } from 'cli-progress';
import { Argument, Command } from 'commander';
import { createPooledClient, openStreams } from 'grpc-manifold';
import { chat } from './chat.js';
import { follow } from './follow.js';
import { Newsroom, type NewsroomClient } from './newsroom.js';
import { submit } from './submit.js';

const STORIES = 6;
const CHUNKS = 100;
const CHUNK_BYTES = 64 * 1024;

const parts: Readonly<Record<string, (client: NewsroomClient, signal: AbortSignal) => Promise<void>>> = {
  async follow(client, signal) {
    console.log(`\nA subscription whose stream breaks, left after ${STORIES} stories`);
    let left = STORIES;
    for await (const { headline } of follow(client, 'leaks', signal)) {
      console.log(`follow: ${headline}`);
      if ((left -= 1) === 0) break;
    }
  },

  async submit(client, signal) {
    console.log('\nAn upload to a server that is slow to take it');
    const bar = new SingleBar({
      format: 'submit: {bar} {value} of {total} KiB',
      noTTYOutput: true,
      notTTYSchedule: 200,
    });
    bar.start((CHUNKS * CHUNK_BYTES) / 1_024, 0);
    let receipt;
    try {
      receipt = await submit(client, pieces(), (bytes) => bar.update(bytes / 1_024), signal);
    } finally {
      // Its timer holds the process.
      bar.stop();
    }
    console.log(`submit: the server has ${receipt.receivedBytes} bytes`);
  },

  async chat(client, signal) {
    console.log('\nA chat of two');
    await chat(client, (line) => console.log(`chat: ${line}`), signal);
  },
};

const { args } = new Command()
  .name('npm start -w @grpc-manifold/example-streams --')
  .description('Shows streams with an owner: a subscription that comes back, an upload with progress, a chat.')
  .addArgument(new Argument('[parts...]', 'what to show; everything when none is named').choices(Object.keys(parts)))
  .parse();

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

const server = fork(fileURLToPath(new URL('./server.js', import.meta.url)));
try {
  const [port] = (await once(server, 'message')) as [number];
  await using client = createPooledClient(Newsroom, `127.0.0.1:${port}`, credentials.createInsecure());
  for (const name of args.length === 0 ? Object.keys(parts) : args) {
    await parts[name]?.(client, interrupted.signal);
  }
  console.log(`\nStreams that are still open: ${openStreams().length}`);
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  if (server.connected) server.disconnect();
}

async function* pieces(): AsyncGenerator<Buffer> {
  for (let count = 0; count < CHUNKS; count += 1) yield randomBytes(CHUNK_BYTES);
}
