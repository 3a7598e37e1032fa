import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ownChild } from '../process/child-process.js';
import type { EchoServerReply, EchoServerSettings } from '../servers/echo-server-message.js';
import type { EchoServer } from '../servers/echo-server.js';
import { buildGrpcGo } from './grpc-go-build.js';
import { listen } from './remote-echo-server.js';

/**
 * Starts the grpc-go server, built before when it has not been. It talks by lines of JSON what others talk by IPC.
 *
 * @throws Error when it cannot be built.
 */
export async function startGrpcGo(settings: EchoServerSettings): Promise<EchoServer> {
  const child = spawn(await buildGrpcGo(), { stdio: ['pipe', 'pipe', 'inherit'] });
  const { exited, kill } = ownChild(child);
  const lines = createInterface(child.stdout);
  // Its end is noticed elsewhere; a line that is still under way then is of no use to anybody.
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
