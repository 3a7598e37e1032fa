import type { Socket } from 'node:net';
import { Condition } from '../clock/condition.js';
import { resetSocket } from '../proxies/faulty-pipe.js';
import { CLIENT_PREFACE, encodeFrame, FrameDecoder, type Http2Frame, type Http2Settings } from './http2-frame.js';
import { partialResponseFrames, responseFrames, type PartialResponse, type PeerResponse } from './peer-response.js';
import { PeerStreams } from './peer-streams.js';

/** What a scripted peer does automatically. A test can do the rest through {@link PeerConnection}. */
export interface PeerScript {
  /** Sent first on each connection; 'never' for a peer that accepts connections and stays silent. Default {}. */
  readonly settings?: Http2Settings | 'never';
  /** Acknowledge the client's SETTINGS. Default true, false when `settings` is 'never'. */
  readonly ackSettings?: boolean;
  /** Answer PING. Default true, false when `settings` is 'never'. */
  readonly ackPings?: boolean;
  /** Return the flow-control window for all DATA at once. Default true, false when `settings` is 'never'. */
  readonly windowUpdates?: boolean;
  readonly onConnection?: (connection: PeerConnection) => void;
  /** Called when a stream was opened and its whole header block has arrived. */
  readonly onHeaders?: (connection: PeerConnection, streamId: number) => void;
  /** Called when the client has sent its whole request. */
  readonly onRequestEnd?: (connection: PeerConnection, streamId: number) => void;
  /** Called for each frame, after the automatic answer to it. */
  readonly onFrame?: (connection: PeerConnection, frame: Http2Frame) => void;
}

/** One client connection of a scripted peer. It records all frames, and a test can send any frame on it. */
export class PeerConnection {
  /** Every frame received, in order. */
  readonly frames: Http2Frame[] = [];
  /** The number of streams that the client has reset. */
  rstReceived = 0;
  /** False after the socket has closed. A peer that does not read does not detect that. */
  isOpen = true;
  readonly #condition = new Condition(
    'the connection of the scripted peer',
    () =>
      `${this.isOpen ? 'open' : 'closed'}, ${this.openStreams} open streams, ${this.headersReceived} HEADERS, ` +
      `${this.rstReceived} RST_STREAM, ${this.frames.length} frames received`,
  );
  readonly #decoder = new FrameDecoder();
  readonly #streams = new PeerStreams();
  readonly #script: PeerScript;
  readonly #onChange: () => void;
  #preface: Buffer | undefined = Buffer.alloc(0);

  /** Created by the peer. `id` counts up from 1 in order of acceptance. */
  constructor(
    readonly id: number,
    readonly socket: Socket,
    script: PeerScript,
    onChange: () => void,
  ) {
    this.#script = script;
    this.#onChange = onChange;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // The 'close' event reports the loss of the client.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.isOpen = false;
      this.#streams.clear();
      this.#changed();
    });
    if (script.settings !== 'never') this.sendSettings(script.settings ?? {});
  }

  get openStreams(): number {
    return this.#streams.openCount;
  }

  /** Ids of the open streams, oldest first. */
  get openStreamIds(): readonly number[] {
    return this.#streams.openIds;
  }

  /** The highest number of streams that were open at the same time. */
  get peakOpenStreams(): number {
    return this.#streams.peakOpen;
  }

  /** The number of streams that the client has opened. */
  get headersReceived(): number {
    return this.#streams.opened;
  }

  /** Id of the newest stream that the client opened; 0 before the first. */
  get lastStreamId(): number {
    return this.#streams.lastId;
  }

  /** Sends any frame, valid or not. */
  send(frame: Http2Frame): void {
    if (!this.socket.writable) return;
    this.socket.write(encodeFrame(frame));
    if (frame.kind === 'rst-stream') this.#streams.reset(frame.streamId);
    else if ((frame.kind === 'data' || frame.kind === 'headers') && frame.endStream === true) {
      this.#streams.endSide(frame.streamId, 'isPeerDone');
    } else return;
    this.#changed();
  }

  sendSettings(settings: Http2Settings): void {
    this.send({ kind: 'settings', settings });
  }

  /** @param code error code, RFC 9113 section 7. @param lastStreamId default: the newest stream of the client. */
  sendGoaway(code: number, lastStreamId: number = this.lastStreamId, debug: string | Buffer = ''): void {
    this.send({ kind: 'goaway', code, lastStreamId, debug: Buffer.from(debug as string) });
  }

  /** @param code error code, RFC 9113 section 7. */
  sendRst(streamId: number, code: number): void {
    this.send({ kind: 'rst-stream', streamId, code });
  }

  /** Sends PING with 8 bytes; the answer appears in `frames`. */
  sendPing(data: Buffer = Buffer.alloc(8)): void {
    this.send({ kind: 'ping', data });
  }

  /** Sends initial metadata and messages, and leaves the stream open. */
  respondPartly(streamId: number, response: PartialResponse = {}): void {
    for (const frame of partialResponseFrames(streamId, response)) this.send(frame);
  }

  /** Sends a whole gRPC response and ends the stream. */
  respond(streamId: number, response: PeerResponse = {}): void {
    for (const frame of responseFrames(streamId, response)) this.send(frame);
  }

  /** Stops reading. The client's writes then fill the buffers of the operating system and stop. */
  stopReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    resetSocket(this.socket);
  }

  /** Closes the connection gracefully (FIN). */
  end(): void {
    this.socket.end();
  }

  /** Waits until the predicate is true; it is checked after every frame. Rejects when the time of the test is over. */
  waitFor(predicate: (connection: PeerConnection) => boolean): Promise<void> {
    return this.#condition.until(() => predicate(this));
  }

  /** Ends all pending waits. The peer calls it when it is disposed. */
  giveUp(): void {
    this.#condition.giveUp();
  }

  #receive(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#preface !== undefined) {
      const start: Buffer = Buffer.concat([this.#preface, chunk]);
      this.#preface = start;
      if (start.length < CLIENT_PREFACE.length) return;
      this.#preface = undefined;
      if (!start.subarray(0, CLIENT_PREFACE.length).equals(CLIENT_PREFACE)) {
        this.reset();
        return;
      }
      bytes = start.subarray(CLIENT_PREFACE.length);
    }
    for (const frame of this.#decoder.push(bytes)) this.#handle(frame);
  }

  #handle(frame: Http2Frame): void {
    this.frames.push(frame);
    switch (frame.kind) {
      case 'headers':
        this.#streams.open(frame.streamId);
        if (frame.endStream === true) this.#streams.endSide(frame.streamId, 'isClientDone');
        if (frame.endHeaders === true) this.#onHeadersComplete(frame.streamId);
        break;
      case 'continuation':
        if (frame.endHeaders === true) this.#onHeadersComplete(frame.streamId);
        break;
      case 'data':
        this.#returnWindow(frame.streamId, frame.flowBytes ?? 0, frame.endStream === true);
        if (frame.endStream === true) {
          this.#streams.endSide(frame.streamId, 'isClientDone');
          this.#script.onRequestEnd?.(this, frame.streamId);
        }
        break;
      case 'rst-stream':
        this.rstReceived += 1;
        this.#streams.reset(frame.streamId);
        break;
      case 'settings':
        if (this.#isEnabled(this.#script.ackSettings)) this.send({ kind: 'settings-ack' });
        break;
      case 'ping':
        if (this.#isEnabled(this.#script.ackPings)) this.send({ kind: 'ping-ack', data: frame.data });
        break;
    }
    this.#script.onFrame?.(this, frame);
    this.#changed();
  }

  #onHeadersComplete(streamId: number): void {
    // Read before the script runs: its answer may close the stream.
    const isRequestDone = this.#streams.isClientDone(streamId);
    this.#script.onHeaders?.(this, streamId);
    if (isRequestDone) this.#script.onRequestEnd?.(this, streamId);
  }

  #returnWindow(streamId: number, increment: number, isLast: boolean): void {
    if (increment === 0 || !this.#isEnabled(this.#script.windowUpdates)) return;
    this.send({ kind: 'window-update', streamId: 0, increment });
    if (!isLast && this.#streams.isOpen(streamId)) this.send({ kind: 'window-update', streamId, increment });
  }

  #isEnabled(choice: boolean | undefined): boolean {
    return choice ?? this.#script.settings !== 'never';
  }

  #changed(): void {
    this.#condition.changed();
    this.#onChange();
  }
}
