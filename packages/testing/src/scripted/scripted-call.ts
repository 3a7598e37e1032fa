import { Metadata, status, type InterceptingListener } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';

/** The channel that a {@link ScriptedCall} is on, as far as that has to know. */
export interface ScriptedCallHost {
  readonly id: number;
  /** Grows with everything that the other end sends. */
  life: number;
  started(call: ScriptedCall): void;
}

/**
 * The other end of a call: what arrived there, and the means to answer. Statuses come in a later tick, as grpc-js's do.
 */
export class ScriptedCall {
  metadata: Metadata | undefined;
  readonly messages: string[] = [];
  halfClosed = false;
  reading = 0;
  cancelledWith: string | undefined;
  /** What the connection had shown of life when the reset of this call went out. */
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

  /** Takes up a stream on the connection, for all that a client can know. */
  get occupies(): boolean {
    return !this.endedByServer && this.lifeAtCancel >= this.channel.life;
  }

  get isRunning(): boolean {
    return !this.endedByServer && this.cancelledWith === undefined;
  }

  /** Sends a message, or headers: life, whatever the client makes of it. */
  send(message?: string): void {
    this.channel.life += 1;
    if (message === undefined) this.#listener?.onReceiveMetadata(new Metadata());
    else this.#listener?.onReceiveMessage(Buffer.from(message));
  }

  /** Ends the call from the server's side. */
  end(code: status = status.OK, details = '', metadata = new Metadata()): void {
    if (!this.isRunning) return;
    // Any other status may be one that grpc-js made itself.
    if (code === status.OK) this.channel.life += 1;
    this.endedByServer = true;
    this.#listener?.onReceiveStatus({ code, details, metadata });
  }

  /** Ends the call as grpc-js does when the stream was refused before the server's application saw it. */
  refuse(): void {
    this.end(status.UNAVAILABLE, 'Stream refused by server');
  }
}
