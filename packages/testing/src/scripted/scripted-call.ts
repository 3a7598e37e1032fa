import { Metadata, status, type InterceptingListener } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';

/** The part of its channel that a {@link ScriptedCall} uses. */
export interface ScriptedCallHost {
  readonly id: number;
  /** Increases with everything that the peer sends. */
  life: number;
  started(call: ScriptedCall): void;
}

/**
 * The server side of a call: it records what arrives, and a test can answer. Statuses come in a later tick, as in
 * grpc-js.
 */
export class ScriptedCall {
  metadata: Metadata | undefined;
  readonly messages: string[] = [];
  halfClosed = false;
  reading = 0;
  cancelledWith: string | undefined;
  /** The `life` of the channel when this call was reset. */
  lifeAtCancel = Infinity;
  endedByServer = false;
  #listener: InterceptingListener | undefined;

  constructor(
    readonly channel: ScriptedCallHost,
    readonly method: string,
    readonly deadline: Date | number,
    readonly host: string | null | undefined,
    readonly parent: unknown,
  ) {}

  readonly call: ChannelCall = {
    start: (metadata: Metadata, listener: InterceptingListener) => {
      this.metadata = metadata;
      this.#listener = listener;
      this.channel.started(this);
    },
    startRead: () => void (this.reading += 1),
    sendMessageWithContext: (context: { callback?: () => void }, message: Buffer) => {
      this.messages.push(message.toString());
      context.callback?.();
    },
    halfClose: () => void (this.halfClosed = true),
    cancelWithStatus: (code: status, details: string) => {
      if (this.endedByServer || this.cancelledWith !== undefined) return;
      this.cancelledWith = `${status[code]}: ${details}`;
      this.lifeAtCancel = this.channel.life;
      process.nextTick(() => this.#listener?.onReceiveStatus({ code, details, metadata: new Metadata() }));
    },
    getPeer: () => `peer of ${this.channel.id}`,
    getCallNumber: () => 7,
    setCredentials: () => undefined,
    getAuthContext: () => null,
  };

  /** True while the call uses a stream of the connection, as far as the client can know. */
  get occupies(): boolean {
    return !this.endedByServer && this.lifeAtCancel >= this.channel.life;
  }

  get isRunning(): boolean {
    return !this.endedByServer && this.cancelledWith === undefined;
  }

  /** Sends a message, or headers without one. Both are a sign of life. */
  send(message?: string): void {
    this.channel.life += 1;
    if (message === undefined) this.#listener?.onReceiveMetadata(new Metadata());
    else this.#listener?.onReceiveMessage(Buffer.from(message));
  }

  /** Ends the call from the server side. */
  end(code: status = status.OK, details = '', metadata = new Metadata()): void {
    if (!this.isRunning) return;
    // Only OK is a sign of life: grpc-js may create any other status locally.
    if (code === status.OK) this.channel.life += 1;
    this.endedByServer = true;
    this.#listener?.onReceiveStatus({ code, details, metadata });
  }

  /** Ends the call as grpc-js does when the server refused the stream before its application processed it. */
  refuse(): void {
    this.end(status.UNAVAILABLE, 'Stream refused by server');
  }
}
