import type { EchoServerMessage, EchoServerReply } from '../servers/echo-server-message.js';

/** One or more processes that serve Echo and answer control messages. */
export interface ServerProcess {
  /** Process id of the process that runs the handlers. */
  readonly pid: number;
  /** True while control messages can be sent. */
  readonly isConnected: boolean;
  /** True when the stream limit can be changed while the server runs. */
  readonly takesLimit?: boolean;
  send(message: EchoServerMessage): void;
  onReply(listener: (reply: EchoServerReply) => void): void;
  /** Stops (SIGSTOP) or continues (SIGCONT) all processes. Returns false when they have exited. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): boolean;
  /** Kills all processes. */
  kill(): void;
  /** Settles when all processes have exited, for any reason, and temporary files are removed. */
  readonly exited: Promise<void>;
}
