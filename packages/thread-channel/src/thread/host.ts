import { Metadata, status } from '@grpc/grpc-js';
import { messageOf, systemClock, type Connection, type Timer } from '@grpc-manifold/core/internal';
import { Record, type Batch } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { CallTable } from '../wire/call-table.js';
import { readCredentials } from '../wire/credentials-record.js';
import type { Command } from '../wire/command.js';
import type { ThreadEvent } from '../wire/thread-event.js';
import { Outbox, type Port } from '../wire/outbox.js';
import { readStart } from '../wire/start-record.js';
import { writeStatus } from '../wire/status-record.js';
import { HostedCall, type HostedCallOwner } from './hosted-call.js';
import { connectionFor, HostedChannel, type Opening } from './hosted-channel.js';

/** Milliseconds between two polls of the connections: Node has no event for a change of the server's stream limit. */
const POLL_MS = 20;

/** The message of grpc-js for a closed channel. */
const CLOSED = 'Channel closed before call started';

/** The channels and calls of a worker thread, by the numbers that the calling thread has assigned to them. */
export class Host implements HostedCallOwner {
  readonly #channels = new Map<number, HostedChannel>();
  /** Why the channel of a number could not be made. Kept until the calling thread closes that number. */
  readonly #refusals = new Map<number, string>();
  readonly #calls = new CallTable<HostedCall>();
  readonly #outbox: Outbox<ThreadEvent>;
  readonly #inbox: (Batch | Command)[] = [];
  /** True when a batch was run in this turn of the event loop. */
  #isBusy = false;
  #poll: Timer | undefined;

  /** @param connect makes a connection. Default: a grpc-js channel. */
  constructor(
    port: Port,
    private readonly connect: (opening: Opening) => Connection = connectionFor,
  ) {
    // The error ends this thread, and the calling thread then ends the calls of this thread.
    this.#outbox = new Outbox<ThreadEvent>(port, systemClock, (error) =>
      systemClock.soon(() => {
        throw error;
      }),
    );
    this.#outbox.beforeSending = () => this.#sendSnapshots();
    this.#outbox.post({ kind: 'started' });
  }

  /**
   * Runs what the calling thread sends, in order, and at most one batch in a turn of the event loop. Node writes to the
   * servers at the end of the turn, so the servers work on the first calls of a burst while this thread starts the
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
        this.#runBatch(new BatchReader(message));
        this.#outbox.reuse(message);
      } else {
        this.#execute(message);
      }
    }
  };

  open(): BatchWriter {
    return this.#outbox.open();
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }

  onCallEnd(call: HostedCall): void {
    this.#calls.delete(call);
  }

  #runBatch(from: BatchReader): void {
    for (let record = from.u8(); record !== Record.End; record = from.u8()) {
      const id = from.u32();
      switch (record) {
        case Record.Start:
          this.#start(id, from);
          break;
        case Record.Message: {
          const [flags, isAwaited] = [from.u32(), from.u8() === 1];
          const message = from.payload();
          this.#onCall(id, (call) => call.send(message, flags, isAwaited));
          break;
        }
        case Record.HalfClose:
          this.#onCall(id, (call) => call.halfClose());
          break;
        case Record.Cancel: {
          const [code, details] = [from.f64(), from.text()];
          this.#onCall(id, (call) => call.cancel(code, details));
          break;
        }
        case Record.Consumed: {
          const [messages, bytes] = [from.u32(), from.f64()];
          this.#onCall(id, (call) => call.onConsumed(messages, bytes));
          break;
        }
        case Record.Credentials:
          this.#answerCredentials(id, from);
          break;
        default:
          throw new Error(
            `thread-channel: unknown record ${record}: both threads must run the same version of @grpc-manifold/thread-channel`,
          );
      }
    }
  }

  /** Runs an operation of a call. An error ends that call only: not the thread, nor other calls of the batch. */
  #onCall(id: number, operation: (call: HostedCall) => void): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    try {
      operation(call);
    } catch (error) {
      call.fail(error);
    }
  }

  #start(id: number, from: BatchReader): void {
    const { channel: number, method, dueMs, host, hasCredentials, metadata } = readStart(from);
    const channel = this.#channels.get(number);
    if (channel === undefined) return this.#refuse(id, this.#refusals.get(number) ?? CLOSED);
    let call: HostedCall | undefined;
    try {
      const deadlineMs = systemClock.now() + (dueMs - systemClock.elapsed());
      call = new HostedCall(id, channel, this, { method, deadlineMs, host, hasCredentials });
      this.#calls.add(call);
      call.start(metadata);
    } catch (error) {
      const isKnown = call !== undefined && this.#calls.delete(call);
      // `createCall` of grpc-js throws when the channel was closed in the meantime.
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
    const answer = readCredentials(from);
    this.#onCall(id, (call) => call.answerCredentials(answer));
  }

  #execute(command: Command): void {
    if (command.kind === 'open') return this.#open(command);
    const channel = this.#channels.get(command.channel);
    if (channel === undefined) return this.#answerWithoutChannel(command);
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
      if (this.#poll === undefined) this.#schedulePoll();
    } catch (error) {
      const reason = messageOf(error);
      this.#refusals.set(command.channel, reason);
      this.#outbox.post({ kind: 'refused', channel: command.channel, error: reason });
    }
  }

  /** Answers a command whose channel was refused or closed, so that the calling thread does not wait. */
  #answerWithoutChannel(command: Command): void {
    const { channel } = command;
    if (command.kind === 'close') {
      this.#refusals.delete(channel);
      this.#outbox.post({ kind: 'closed', channel, forcedSockets: 0 });
    }
    if (command.kind !== 'ask' && command.kind !== 'ping') return;
    this.#outbox.post({ kind: 'answer', channel, question: command.question, isAnswered: false });
  }

  #sendSnapshots(): void {
    for (const channel of this.#channels.values()) channel.sendSnapshot();
  }

  #schedulePoll(): void {
    this.#poll = systemClock.setTimer(() => {
      this.#poll = undefined;
      this.#sendSnapshots();
      if (this.#channels.size > 0) this.#schedulePoll();
    }, POLL_MS);
  }
}
