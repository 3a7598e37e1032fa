import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { credentials, type ClientOptions } from '@grpc/grpc-js';
import { boundedQueue, gradientLimit } from 'grpc-manifold';
import { Kitchen } from './kitchen.js';
import { rush } from './rush.js';

const CAPACITY = 500;
const OFFERED = 1_000;
const DEADLINE_MS = 250;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '6' } } });
const seconds = Math.max(1, Number(values.seconds));

console.log(
  `A server can do ${CAPACITY} calls a second. It is asked for ${OFFERED}, and nobody waits longer than ${DEADLINE_MS} ms.`,
);
await show('A plain client', {});
await show('The same client with boundedQueue({ limit: gradientLimit() })', {
  interceptors: [boundedQueue({ limit: gradientLimit() })],
});
console.log(
  '\nThe plain client sends every call, and each waits in the server behind those that nobody needs any more.\n' +
    'The interceptor finds out how many calls at a time the server can take, and refuses the rest at once.',
);

async function show(title: string, options: ClientOptions): Promise<void> {
  console.log(`\n${title}`);
  // Each gets a server of its own, without what the other one left behind.
  const server = fork(fileURLToPath(new URL('./server.js', import.meta.url)), [String(CAPACITY)]);
  try {
    const [port] = (await once(server, 'message')) as [number];
    const client = new Kitchen(`127.0.0.1:${port}`, credentials.createInsecure(), options);
    let second = 0;
    await rush(client, { callsPerSecond: OFFERED, deadlineMs: DEADLINE_MS, seconds }, ({ inTime, refused, failed }) => {
      const bar = '█'.repeat(Math.round((inTime / CAPACITY) * 20)).padEnd(20, '·');
      console.log(
        `  second ${(second += 1)}  ${bar}  ${figure(inTime)} answered in time  ${figure(refused)} refused  ${figure(failed)} failed`,
      );
    });
    client.close();
  } finally {
    server.kill();
  }
}

function figure(calls: number): string {
  return String(calls).padStart(5);
}
