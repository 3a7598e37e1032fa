import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ownChild } from '../process/child-process.js';
import type { EchoServerReply, EchoServerSettings } from '../servers/echo-server-message.js';
import type { EchoServer } from '../servers/echo-server.js';
import { buildGrpcGo } from './grpc-go-build.js';
import { listen } from './remote-echo-server.js';

/**
 * Starts the grpc-go server, and builds it first if necessary. It exchanges messages as lines of JSON; the other peers
 * use IPC.
 *
 * @throws Error when it cannot be built.
 */
export async function startGrpcGo(settings: EchoServerSettings): Promise<EchoServer> {
  const child = spawn(await buildGrpcGo(), { stdio: ['pipe', 'pipe', 'inherit'] });
  const { exited, kill } = ownChild(child);
  const lines = createInterface(child.stdout);
  // The exit of the process is detected elsewhere. A line that cannot be written then does not matter.
  child.stdin.on('error', () => {});
  return listen(
    {
      pid: child.pid as number,
      get isConnected() {
        return child.stdin.writable;
      },
      send: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`),
      onReply: (listener) => void lines.on('line', (line) => listener(JSON.parse(line) as EchoServerReply)),
      signal: (signal) => child.kill(signal),
      kill,
      exited,
    },
    settings,
  );
}
