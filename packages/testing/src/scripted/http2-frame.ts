/** Connection preface of a client, ahead of its first frame (RFC 9113 section 3.4). */
export const CLIENT_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** The largest payload that every peer must take (RFC 9113 section 6.5.2, SETTINGS_MAX_FRAME_SIZE). */
export const MAX_FRAME_BYTES = 16_384;

/** Names of settings and their identifiers (RFC 9113 section 6.5.2). */
const SETTING_IDS = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Frame types (RFC 9113 section 6). PRIORITY (2) and PUSH_PROMISE (5) decode as 'unknown'. */
const TYPE = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 };

const FLAG_END_STREAM = 0x1; // DATA, HEADERS
const FLAG_ACK = 0x1; // SETTINGS, PING
const FLAG_END_HEADERS = 0x4;
const FLAG_PADDED = 0x8;
const FLAG_PRIORITY = 0x20;

/** Settings by name; those left out keep their default values. Unknown identifiers are dropped when decoding. */
export type Http2Settings = { readonly [Name in keyof typeof SETTING_IDS]?: number };

/** One decoded frame. Padding and priority are dropped; a header block stays encoded (HPACK). */
export type Http2Frame =
  | {
      readonly kind: 'data';
      readonly streamId: number;
      readonly data: Buffer;
      readonly endStream?: boolean;
      /** Bytes that count for flow control, padding included; set when decoding. */
      readonly flowBytes?: number;
    }
  | {
      readonly kind: 'headers';
      readonly streamId: number;
      readonly block: Buffer;
      readonly endStream?: boolean;
      /** Default true. */
      readonly endHeaders?: boolean;
    }
  | { readonly kind: 'continuation'; readonly streamId: number; readonly block: Buffer; readonly endHeaders?: boolean }
  | { readonly kind: 'rst-stream'; readonly streamId: number; readonly code: number }
  | { readonly kind: 'settings'; readonly settings: Http2Settings }
  | { readonly kind: 'settings-ack' }
  | { readonly kind: 'ping'; readonly data: Buffer }
  | { readonly kind: 'ping-ack'; readonly data: Buffer }
  | { readonly kind: 'goaway'; readonly lastStreamId: number; readonly code: number; readonly debug: Buffer }
  | { readonly kind: 'window-update'; readonly streamId: number; readonly increment: number }
  | {
      readonly kind: 'unknown';
      readonly type: number;
      readonly flags: number;
      readonly streamId: number;
      readonly payload: Buffer;
    };

/** Encodes a frame without any check: a test may send invalid frames. */
export function encodeFrame(frame: Http2Frame): Buffer {
  switch (frame.kind) {
    case 'data': // section 6.1
      return withHeader(TYPE.data, frame.endStream === true ? FLAG_END_STREAM : 0, frame.streamId, frame.data);
    case 'headers': {
      // section 6.2
      const flags =
        (frame.endStream === true ? FLAG_END_STREAM : 0) | (frame.endHeaders === false ? 0 : FLAG_END_HEADERS);
      return withHeader(TYPE.headers, flags, frame.streamId, frame.block);
    }
    case 'continuation': // section 6.10
      return withHeader(
        TYPE.continuation,
        frame.endHeaders === false ? 0 : FLAG_END_HEADERS,
        frame.streamId,
        frame.block,
      );
    case 'rst-stream': // section 6.4
      return withHeader(TYPE.rstStream, 0, frame.streamId, uint32(frame.code));
    case 'settings': // section 6.5
      return withHeader(TYPE.settings, 0, 0, encodeSettings(frame.settings));
    case 'settings-ack':
      return withHeader(TYPE.settings, FLAG_ACK, 0, Buffer.alloc(0));
    case 'ping': // section 6.7
      return withHeader(TYPE.ping, 0, 0, frame.data);
    case 'ping-ack':
      return withHeader(TYPE.ping, FLAG_ACK, 0, frame.data);
    case 'goaway': // section 6.8
      return withHeader(
        TYPE.goaway,
        0,
        0,
        Buffer.concat([uint32(frame.lastStreamId), uint32(frame.code), frame.debug]),
      );
    case 'window-update': // section 6.9
      return withHeader(TYPE.windowUpdate, 0, frame.streamId, uint32(frame.increment));
    case 'unknown':
      return withHeader(frame.type, frame.flags, frame.streamId, frame.payload);
  }
}

/** Splits a stream of bytes into frames. Chunks may begin and end anywhere. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** Adds bytes and returns the frames that are complete. */
  push(chunk: Buffer): Http2Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Http2Frame[] = [];
    let at = 0;
    // The header: 24 bits of length, 8 of type, 8 of flags, 1 reserved, 31 of stream id (section 4.1).
    while (this.#rest.length - at >= 9) {
      const end = at + 9 + this.#rest.readUIntBE(at, 3);
      if (this.#rest.length < end) break;
      const type = this.#rest.readUInt8(at + 3);
      const flags = this.#rest.readUInt8(at + 4);
      const streamId = this.#rest.readUInt32BE(at + 5) & 0x7fffffff;
      frames.push(decodeFrame(type, flags, streamId, this.#rest.subarray(at + 9, end)));
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
    return frames;
  }
}

function decodeFrame(type: number, flags: number, streamId: number, payload: Buffer): Http2Frame {
  const endStream = (flags & FLAG_END_STREAM) !== 0;
  const endHeaders = (flags & FLAG_END_HEADERS) !== 0;
  switch (type) {
    case TYPE.data:
      return { kind: 'data', streamId, data: unpadded(flags, payload), endStream, flowBytes: payload.length };
    case TYPE.headers: {
      const content = unpadded(flags, payload);
      const block = (flags & FLAG_PRIORITY) === 0 ? content : content.subarray(5);
      return { kind: 'headers', streamId, block, endStream, endHeaders };
    }
    case TYPE.continuation:
      return { kind: 'continuation', streamId, block: payload, endHeaders };
    case TYPE.rstStream:
      return { kind: 'rst-stream', streamId, code: payload.readUInt32BE(0) };
    case TYPE.settings:
      if ((flags & FLAG_ACK) !== 0) return { kind: 'settings-ack' };
      return { kind: 'settings', settings: decodeSettings(payload) };
    case TYPE.ping:
      return { kind: (flags & FLAG_ACK) === 0 ? 'ping' : 'ping-ack', data: payload };
    case TYPE.goaway:
      return {
        kind: 'goaway',
        lastStreamId: payload.readUInt32BE(0) & 0x7fffffff,
        code: payload.readUInt32BE(4),
        debug: payload.subarray(8),
      };
    case TYPE.windowUpdate:
      return { kind: 'window-update', streamId, increment: payload.readUInt32BE(0) & 0x7fffffff };
    default:
      return { kind: 'unknown', type, flags, streamId, payload };
  }
}

function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & FLAG_PADDED) === 0) return payload;
  return payload.subarray(1, payload.length - payload.readUInt8(0));
}

function encodeSettings(settings: Http2Settings): Buffer {
  const entries = Object.entries(settings) as [keyof Http2Settings, number][];
  return Buffer.concat(
    entries.map(([name, value]) => {
      const entry = Buffer.alloc(6);
      entry.writeUInt16BE(SETTING_IDS[name], 0);
      entry.writeUInt32BE(value, 2);
      return entry;
    }),
  );
}

function decodeSettings(payload: Buffer): Http2Settings {
  const settings: { -readonly [Name in keyof Http2Settings]: number } = {};
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    for (const [name, known] of Object.entries(SETTING_IDS) as [keyof Http2Settings, number][]) {
      if (known === id) settings[name] = payload.readUInt32BE(at + 2);
    }
  }
  return settings;
}

function withHeader(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
