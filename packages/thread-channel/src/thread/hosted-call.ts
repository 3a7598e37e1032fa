import {
  credentials as grpcCredentials,
  status,
  Metadata,
  type InterceptingListener,
  type StatusObject,
} from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { messageOf } from '@grpc-manifold/core/internal';
import { Record } from '../wire/batch.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { READ_AHEAD } from '../wire/credit.js';
import { writeMetadata } from '../wire/metadata-record.js';
import { writeStatus } from '../wire/status-record.js';
import type { HostedChannel } from './hosted-channel.js';

/** What a call is asked for at its start. */
export interface HostedCallRequest {
  readonly method: string;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly host: string | null;
  readonly hasCredentials: boolean;
}

/** Who has the call. */
export interface HostedCallOwner {
  open(): BatchWriter;
  soon(callback: () => void): void;
  /** It has its status: nothing more comes of it. */
  ended(call: HostedCall): void;
}

interface Outgoing {
  readonly message: Buffer;
  readonly flags: number;
  readonly isAwaited: boolean;
}

type AnswerOfCredentials = (error: Error | null, metadata?: Metadata) => void;

/** A call in the thread: carries out what the calling thread asks for, and tells it what comes. */
export class HostedCall implements InterceptingListener {
  readonly #call: ChannelCall;
  /** The lowest number that its stream can have. */
  readonly #streamId: number;
  #untakenMessages = 0;
  #untakenBytes = 0;
  #isReading = false;
  #isSending = false;
  /** Behind the one that is being sent: before its stream exists a call of grpc-js keeps only the last it was given. */
  #outgoing: Outgoing[] | undefined;
  #isHalfClosed = false;
  /** It has its status, or was cancelled: nothing more is sent, and nobody is told. */
  #isOver = false;
  #credentialQuestions: Map<number, AnswerOfCredentials> | undefined;
  #nextQuestion = 1;

  /** @throws what grpc-js throws for a channel that is closed. */
  constructor(
    readonly id: number,
    readonly channel: HostedChannel,
    private readonly host: HostedCallOwner,
    request: HostedCallRequest,
  ) {
    const { method, deadlineMs, host: authority, hasCredentials } = request;
    this.#streamId = channel.connection.nextStreamId;
    this.#call = channel.channel.createCall(method, deadlineMs, authority, null, null);
    if (hasCredentials) this.#call.setCredentials(this.#remoteCredentials());
  }

  // ── what the calling thread asks ──────────────────────────────────────────────────────────────────────────────────

  start(metadata: Metadata): void {
    this.#call.start(metadata, this);
    this.#readOn();
  }

  send(message: Buffer, flags: number, isAwaited: boolean): void {
    if (this.#isOver) return;
    const outgoing = { message, flags, isAwaited };
    if (this.#isSending) (this.#outgoing ??= []).push(outgoing);
    else this.#send(outgoing);
  }

  halfClose(): void {
    this.#isHalfClosed = true;
    if (this.#isOver) return;
    if (this.#outgoing === undefined || this.#outgoing.length === 0) this.#call.halfClose();
  }

  cancel(code: status, details: string): void {
    this.#isOver = true;
    this.#outgoing = undefined;
    this.#call.cancelWithStatus(code, details);
    // A grpc-js call that was started in this very tick has no stream yet, and opens it in spite of the cancel
    // (resolving-call.ts, after `sendMetadata`). Cancelled again, it ends it.
    this.host.soon(() => this.#call.cancelWithStatus(code, details));
  }

  /** Ends it with an error that was thrown where it was asked for something. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    const details = `The call failed in its thread: ${messageOf(error)}`;
    this.onReceiveStatus({ code: status.INTERNAL, details, metadata: new Metadata() });
    try {
      this.#call.cancelWithStatus(status.INTERNAL, details);
    } catch {
      // Its status is told: what it throws now is nobody's.
    }
  }

  /** The reader has taken messages. */
  taken(messages: number, bytes: number): void {
    this.#untakenMessages -= messages;
    this.#untakenBytes -= bytes;
    this.#readOn();
  }

  /** The credentials of the call have answered. */
  answerCredentials(question: number, error: Error | null, metadata?: Metadata): void {
    const answer = this.#credentialQuestions?.get(question);
    this.#credentialQuestions?.delete(question);
    answer?.(error, metadata);
  }

  // ── what the connection tells ─────────────────────────────────────────────────────────────────────────────────────

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#isOver) return;
    this.channel.tellOtherEnd(this.#call);
    writeMetadata(this.#tell(Record.Headers), metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#isOver) return;
    this.#isReading = false;
    this.#untakenMessages += 1;
    this.#untakenBytes += message.length;
    this.#tell(Record.Received).payload(message, true);
    this.#readOn();
  }

  onReceiveStatus(ending: StatusObject): void {
    this.host.ended(this);
    if (this.#isOver) return;
    this.#isOver = true;
    // What waits behind the message that is being sent would only fill the retry buffer of the channel, for good.
    this.#outgoing = undefined;
    this.channel.tellOtherEnd(this.#call);
    // Why a call was lost is seen at its connection.
    if (ending.code !== status.OK) this.channel.tellSight();
    const to = this.#tell(Record.Status);
    to.u8(this.channel.connection.neverActedOn(this.#call, this.#streamId) ? 1 : 0);
    writeStatus(to, ending);
  }

  #tell(record: number): BatchWriter {
    const to = this.host.open();
    to.u8(record);
    to.u32(this.id);
    return to;
  }

  #readOn(): void {
    if (this.#isReading || this.#untakenMessages >= READ_AHEAD.messages || this.#untakenBytes >= READ_AHEAD.bytes) {
      return;
    }
    this.#isReading = true;
    this.#call.startRead();
  }

  #send({ message, flags, isAwaited }: Outgoing): void {
    this.#isSending = true;
    const callback = (): void => {
      this.#isSending = false;
      if (this.#isOver) return;
      if (isAwaited) this.#tell(Record.Written).u32(1);
      const next = this.#outgoing?.shift();
      if (next === undefined) return;
      this.#send(next);
      if (this.#isHalfClosed && this.#outgoing?.length === 0) this.#call.halfClose();
    };
    this.#call.sendMessageWithContext({ flags, callback }, message);
  }

  /** Credentials of the call that ask those on the calling thread, each time that grpc-js would. */
  #remoteCredentials(): ReturnType<typeof grpcCredentials.createFromMetadataGenerator> {
    return grpcCredentials.createFromMetadataGenerator(({ service_url: url, method_name: method }, callback) => {
      const question = this.#nextQuestion;
      this.#nextQuestion += 1;
      (this.#credentialQuestions ??= new Map()).set(question, callback);
      const to = this.#tell(Record.AskCredentials);
      to.u32(question);
      to.text(url);
      to.text(method);
    });
  }
}
