import { forkEntry } from '../process/child-process.js';
import type { EchoServerMessage, EchoServerReply, EchoServerSettings } from '../servers/echo-server-message.js';
import type { EchoServer } from '../servers/echo-server.js';
import { listen } from './remote-echo-server.js';

/** Starts the grpc-js server. */
export function startGrpcJs(settings: EchoServerSettings): Promise<EchoServer> {
  const { child, exited, kill } = forkEntry('servers/echo-server-process');
  return listen(
    {
      pid: child.pid as number,
      get isConnected() {
        return child.connected;
      },
      takesLimit: true,
      send: (message: EchoServerMessage) => void child.send(message),
      onReply: (listener: (reply: EchoServerReply) => void) => void child.on('message', listener),
      signal: (signal) => child.kill(signal),
      kill,
      exited,
    },
    settings,
  );
}
