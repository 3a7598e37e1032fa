import { Metadata, status } from '@grpc/grpc-js';
import { messageOf, systemClock, type Connection, type Timer } from '@grpc-manifold/core/internal';
import { Record, type Batch } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { CallTable } from '../wire/call-table.js';
import { readMetadata } from '../wire/metadata-record.js';
import type { Command } from '../wire/command.js';
import type { ThreadEvent } from '../wire/thread-event.js';
import { Outbox, type Port } from '../wire/outbox.js';
import { START } from '../wire/start.js';
import { writeStatus } from '../wire/status-record.js';
import { HostedCall, type HostedCallOwner } from './hosted-call.js';
import { connectionFor, HostedChannel, type Opening } from './hosted-channel.js';

/** Milliseconds between two looks at connections, for what Node tells nobody of: the server's limit, and silence. */
const LOOK_MS = 20;

/** As grpc-js says it. */
const CLOSED = 'Channel closed before call started';

/** All that lives in a thread: channels and their calls, by the numbers that the calling thread has given them. */
export class Host implements HostedCallOwner {
  readonly #channels = new Map<number, HostedChannel>();
  /** Why there is none of a number, until it is closed. */
  readonly #refusals = new Map<number, string>();
  readonly #calls = new CallTable<HostedCall>();
  readonly #outbox: Outbox<ThreadEvent>;
  readonly #inbox: (Batch | Command)[] = [];
  /** A batch was carried out in this turn. */
  #isBusy = false;
  #look: Timer | undefined;

  /** @param connect makes a connection. Default: one of grpc-js. */
  constructor(
    port: Port,
    private readonly connect: (opening: Opening) => Connection = connectionFor,
  ) {
    // The calling thread ends the calls of this thread when it is told that this thread has ended.
    this.#outbox = new Outbox<ThreadEvent>(port, systemClock, (error) =>
      systemClock.soon(() => {
        throw error;
      }),
    );
    this.#outbox.beforeSending = () => this.#tellSights();
    this.#outbox.post({ kind: 'started' });
  }

  /**
   * Does what the calling thread asks for, in command: one batch a turn of the event loop. What came of it goes out to
   * the servers at the end of the turn, so that they work on the first calls of a burst while this thread is at the
   * next.
   */
  receive(message: Batch | Command): void {
    this.#inbox.push(message);
    if (!this.#isBusy) this.#next();
  }

  readonly #next = (): void => {
    this.#isBusy = false;
    while (!this.#isBusy) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      if (Array.isArray(message)) {
        this.#isBusy = true;
        systemClock.soon(this.#next);
        this.#carryOut(new BatchReader(message));
        this.#outbox.reuse(message);
      } else {
        this.#obey(message);
      }
    }
  };

  open(): BatchWriter {
    return this.#outbox.open();
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }

  ended(call: HostedCall): void {
    this.#calls.delete(call);
  }

  #carryOut(from: BatchReader): void {
    for (let record = from.u8(); record !== Record.End; record = from.u8()) {
      const id = from.u32();
      switch (record) {
        case Record.Start:
          this.#start(id, from);
          break;
        case Record.Message: {
          const [flags, isAwaited] = [from.u32(), from.u8() === 1];
          const message = from.payload();
          this.#tell(id, (call) => call.send(message, flags, isAwaited));
          break;
        }
        case Record.HalfClose:
          this.#tell(id, (call) => call.halfClose());
          break;
        case Record.Cancel: {
          const [code, details] = [from.f64(), from.text()];
          this.#tell(id, (call) => call.cancel(code, details));
          break;
        }
        case Record.Taken: {
          const [messages, bytes] = [from.u32(), from.f64()];
          this.#tell(id, (call) => call.taken(messages, bytes));
          break;
        }
        case Record.Credentials:
          this.#answerCredentials(id, from);
          break;
        default:
          throw new Error(`thread-channel: an unknown record ${record}; are both threads of one version?`);
      }
    }
  }

  /** What a call throws ends that call: neither the thread nor what else came in its batch. */
  #tell(id: number, tell: (call: HostedCall) => void): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    try {
      tell(call);
    } catch (error) {
      call.fail(error);
    }
  }

  #start(id: number, from: BatchReader): void {
    const number = from.u32();
    const channel = this.#channels.get(number);
    const flags = from.u8();
    const method = from.text();
    // Monotonic: the wall clock may have been set on the way.
    const dueMs = flags & START.hasDeadline ? from.f64() : Infinity;
    const host = flags & START.hasHost ? from.text() : null;
    const metadata = readMetadata(from);
    if (channel === undefined) return this.#refuse(id, this.#refusals.get(number) ?? CLOSED);
    let call: HostedCall | undefined;
    try {
      const hasCredentials = (flags & START.hasCredentials) !== 0;
      const deadlineMs = systemClock.now() + (dueMs - systemClock.elapsed());
      call = new HostedCall(id, channel, this, { method, deadlineMs, host, hasCredentials });
      this.#calls.add(call);
      call.start(metadata);
    } catch (error) {
      const isKnown = call !== undefined && this.#calls.delete(call);
      // grpc-js throws for a channel that was closed meanwhile.
      this.#refuse(id, isKnown ? messageOf(error) : CLOSED);
    }
  }

  #refuse(id: number, details: string): void {
    const to = this.open();
    to.u8(Record.Status);
    to.u32(id);
    to.u8(0);
    writeStatus(to, { code: status.UNAVAILABLE, details, metadata: new Metadata() });
  }

  #answerCredentials(id: number, from: BatchReader): void {
    const [question, isMade] = [from.u32(), from.u8() === 1];
    if (isMade) {
      const metadata = readMetadata(from);
      this.#tell(id, (call) => call.answerCredentials(question, null, metadata));
    } else {
      const code = from.f64();
      const error = Object.assign(new Error(from.text()), Number.isNaN(code) ? {} : { code });
      this.#tell(id, (call) => call.answerCredentials(question, error));
    }
  }

  #obey(command: Command): void {
    if (command.kind === 'open') return this.#open(command);
    const channel = this.#channels.get(command.channel);
    if (channel === undefined) return this.#answerForNobody(command);
    switch (command.kind) {
      case 'connect':
        return channel.connect();
      case 'close-channel':
        return channel.closeChannel();
      case 'close':
        void channel.close(command.reason).then(() => this.#channels.delete(command.channel));
        return;
      default:
        return channel.ask(command.kind, command.question);
    }
  }

  #open(command: Extract<Command, { kind: 'open' }>): void {
    try {
      this.#channels.set(command.channel, new HostedChannel(command.channel, this.connect(command), this.#outbox));
      if (this.#look === undefined) this.#lookLater();
    } catch (error) {
      const reason = messageOf(error);
      this.#refusals.set(command.channel, reason);
      this.#outbox.post({ kind: 'refused', channel: command.channel, error: reason });
    }
  }

  #answerForNobody(command: Command): void {
    const { channel } = command;
    if (command.kind === 'close') {
      this.#refusals.delete(channel);
      this.#outbox.post({ kind: 'closed', channel, forcedSockets: 0 });
    }
    if (command.kind !== 'ask' && command.kind !== 'ping') return;
    this.#outbox.post({ kind: 'answer', channel, question: command.question, isAnswered: false });
  }

  #tellSights(): void {
    for (const channel of this.#channels.values()) channel.tellSight();
  }

  #lookLater(): void {
    this.#look = systemClock.setTimer(() => {
      this.#look = undefined;
      this.#tellSights();
      if (this.#channels.size > 0) this.#lookLater();
    }, LOOK_MS);
  }
}
