import type { EchoServerMessage, EchoServerReply } from '../servers/echo-server-message.js';

/** A process, or a few that belong together, that serve Echo and answer questions. */
export interface ServerProcess {
  /** Of the process that runs the handlers. */
  readonly pid: number;
  /** True while it can be asked. */
  readonly isConnected: boolean;
  /** True when it takes another limit of streams while it runs. */
  readonly takesLimit?: boolean;
  send(message: EchoServerMessage): void;
  onReply(listener: (reply: EchoServerReply) => void): void;
  /** Stops all of it (SIGSTOP) or lets it go on (SIGCONT). Returns false when it is gone. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): boolean;
  /** Ends all of it at once. */
  kill(): void;
  /** Settles when it is gone, however it went, and has left nothing behind. */
  readonly exited: Promise<void>;
}
