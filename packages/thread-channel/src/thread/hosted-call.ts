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
import type { CredentialsAnswer } from '../wire/credentials-record.js';
import { READ_AHEAD } from '../wire/credit.js';
import { writeMetadata } from '../wire/metadata-record.js';
import { writeStatus } from '../wire/status-record.js';
import type { HostedChannel } from './hosted-channel.js';

/** The start of a call, as the calling thread has sent it. */
export interface HostedCallRequest {
  readonly method: string;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly host: string | null;
  readonly hasCredentials: boolean;
}

/** The owner of a call. */
export interface HostedCallOwner {
  open(): BatchWriter;
  soon(callback: () => void): void;
  /** The call has its status. */
  onCallEnd(call: HostedCall): void;
}

interface Outgoing {
  readonly message: Buffer;
  readonly flags: number;
  readonly isAwaited: boolean;
}

type CredentialsCallback = (error: Error | null, metadata?: Metadata) => void;

/** A call in the worker thread: runs the operations that the calling thread sends, and sends back what comes in. */
export class HostedCall implements InterceptingListener {
  readonly #call: ChannelCall;
  /** The lowest HTTP/2 stream id that the call can get. */
  readonly #streamId: number;
  #unreadMessages = 0;
  #unreadBytes = 0;
  #isReading = false;
  #isSending = false;
  /**
   * The messages after the one that is being sent. Until its stream exists, a grpc-js call keeps only the last message
   * that it was given.
   */
  #outgoing: Outgoing[] | undefined;
  #isHalfClosed = false;
  /** True after the status or a cancel: the call sends nothing more, and reports nothing more. */
  #isOver = false;
  #credentialQuestions: Map<number, CredentialsCallback> | undefined;
  #nextQuestion = 1;

  /** @throws what grpc-js throws for a closed channel. */
  constructor(
    readonly id: number,
    readonly channel: HostedChannel,
    private readonly owner: HostedCallOwner,
    request: HostedCallRequest,
  ) {
    const { method, deadlineMs, host: authority, hasCredentials } = request;
    this.#streamId = channel.connection.nextStreamId;
    this.#call = channel.channel.createCall(method, deadlineMs, authority, null, null);
    if (hasCredentials) this.#call.setCredentials(this.#remoteCredentials());
  }

  // ── operations of the calling thread ──────────────────────────────────────────────────────────────────────────────

  start(metadata: Metadata): void {
    this.#call.start(metadata, this);
    this.#readWithinCredit();
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
    // A grpc-js call that was started in this tick has no stream yet, and opens one in spite of the cancel
    // (resolving-call.ts, after `sendMetadata`). A second cancel ends that stream.
    this.owner.soon(() => this.#call.cancelWithStatus(code, details));
  }

  /** Ends the call with the error of one of its operations. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    const details = `The call failed in its thread: ${messageOf(error)}`;
    this.onReceiveStatus({ code: status.INTERNAL, details, metadata: new Metadata() });
    try {
      this.#call.cancelWithStatus(status.INTERNAL, details);
    } catch {
      // The calling thread has the status already, so this error has no receiver.
    }
  }

  /** The reader has consumed messages: the call may read as many more. */
  onConsumed(messages: number, bytes: number): void {
    this.#unreadMessages -= messages;
    this.#unreadBytes -= bytes;
    this.#readWithinCredit();
  }

  answerCredentials({ question, error, metadata }: CredentialsAnswer): void {
    const answer = this.#credentialQuestions?.get(question);
    this.#credentialQuestions?.delete(question);
    answer?.(error, metadata);
  }

  // ── events of the connection ──────────────────────────────────────────────────────────────────────────────────────

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#isOver) return;
    this.channel.sendPeer(this.#call);
    writeMetadata(this.#openRecord(Record.Headers), metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#isOver) return;
    this.#isReading = false;
    this.#unreadMessages += 1;
    this.#unreadBytes += message.length;
    this.#openRecord(Record.Received).payload(message, true);
    this.#readWithinCredit();
  }

  onReceiveStatus(ending: StatusObject): void {
    this.owner.onCallEnd(this);
    if (this.#isOver) return;
    this.#isOver = true;
    // Messages sent after the status would stay in the retry buffer of the channel for good.
    this.#outgoing = undefined;
    this.channel.sendPeer(this.#call);
    // The calling thread reads the cause of a lost call from the connection's snapshot.
    if (ending.code !== status.OK) this.channel.sendSnapshot();
    const to = this.#openRecord(Record.Status);
    to.u8(this.channel.connection.neverActedOn(this.#call, this.#streamId) ? 1 : 0);
    writeStatus(to, ending);
  }

  #openRecord(record: number): BatchWriter {
    const to = this.owner.open();
    to.u8(record);
    to.u32(this.id);
    return to;
  }

  #readWithinCredit(): void {
    if (this.#isReading || this.#unreadMessages >= READ_AHEAD.messages || this.#unreadBytes >= READ_AHEAD.bytes) {
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
      if (isAwaited) this.#openRecord(Record.Written).u32(1);
      const next = this.#outgoing?.shift();
      if (next === undefined) return;
      this.#send(next);
      if (this.#isHalfClosed && this.#outgoing?.length === 0) this.#call.halfClose();
    };
    this.#call.sendMessageWithContext({ flags, callback }, message);
  }

  /** Call credentials that ask the calling thread's credentials, once for each attempt, as grpc-js does. */
  #remoteCredentials(): ReturnType<typeof grpcCredentials.createFromMetadataGenerator> {
    return grpcCredentials.createFromMetadataGenerator(({ service_url: url, method_name: method }, callback) => {
      const question = this.#nextQuestion;
      this.#nextQuestion += 1;
      (this.#credentialQuestions ??= new Map()).set(question, callback);
      const to = this.#openRecord(Record.AskCredentials);
      to.u32(question);
      to.text(url);
      to.text(method);
    });
  }
}
