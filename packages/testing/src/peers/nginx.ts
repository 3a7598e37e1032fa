import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forkEntry } from '../process/child-process.js';
import type { EchoServerReply, EchoServerSettings } from '../servers/echo-server-message.js';
import type { EchoServer } from '../servers/echo-server.js';
import { NGINX_FILES } from './nginx-config.js';
import { startNginxFront, type NginxFront } from './nginx-front.js';
import { listen } from './remote-echo-server.js';

/** An nginx in front of a grpc-js server. nginx counts the connections, the server counts the calls. */
export interface NginxServer extends EchoServer {
  /** The number of streams that nginx has refused because of its limit for a connection. */
  refusedStreams(): Promise<number>;
  /** Kills nginx (SIGKILL), and with it its connections, and starts it again on the same port. */
  restart(): Promise<void>;
}

/** The text in the log of nginx for each stream that it refuses. */
const REFUSED = /concurrent streams exceeded/g;

/**
 * Starts an nginx and the server behind it. Their temporary folder is removed when they are disposed.
 *
 * @param directives more of nginx's directives for its `server` block.
 */
export async function startNginx(settings: EchoServerSettings, directives = ''): Promise<NginxServer> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-nginx-'));
  const origin = forkEntry('peers/nginx-origin-process');
  let front: NginxFront | undefined;
  let startAgain: () => Promise<void> = () => Promise.reject(new Error('nginx has not been started'));

  const server = await listen(
    {
      pid: origin.child.pid as number,
      get isConnected() {
        return origin.child.connected;
      },
      send: (message) => void origin.child.send(message),
      onReply(listener) {
        origin.child.on('message', (reply: EchoServerReply) => {
          if (reply.kind !== 'listening') return listener(reply);
          const start = async (port: number): Promise<number> => {
            const started = await startNginxFront({ ...settings, port, originPort: reply.port, folder, directives });
            front = started;
            void started.exited.then(() => {
              if (front === started) origin.kill();
            });
            return started.port;
          };
          // The server is available to clients only after nginx listens.
          start(settings.port).then(
            (port) => {
              startAgain = async () => {
                const old = front;
                front = undefined;
                old?.kill();
                await old?.exited;
                await start(port);
              };
              listener({ kind: 'listening', port });
            },
            (error: Error) => listener({ kind: 'failed', reason: error.message }),
          );
        });
      },
      signal(signal) {
        front?.child.kill(signal);
        return origin.child.kill(signal);
      },
      kill() {
        front?.kill();
        origin.kill();
      },
      exited: origin.exited.then(async () => {
        front?.kill();
        await front?.exited;
        await rm(folder, { recursive: true, force: true });
      }),
    },
    { ...settings, statusSocket: join(folder, NGINX_FILES.status) },
  );
  return Object.assign(server, {
    restart: () => startAgain(),
    async refusedStreams() {
      const log = await readFile(join(folder, NGINX_FILES.log), 'utf8');
      return log.match(REFUSED)?.length ?? 0;
    },
  });
}
