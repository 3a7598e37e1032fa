import { describe, expect, it } from 'vitest';
import { encodeHeaderBlock } from './header-block.js';
import { encodeFrame, FrameDecoder, type Http2Frame } from './http2-frame.js';

const bytes = (...values: number[]): Buffer => Buffer.from(values);

/** Each with its bytes on the wire, written down from RFC 9113 section 6. */
const table: readonly [Http2Frame, Buffer][] = [
  [
    { kind: 'data', streamId: 1, data: Buffer.from('ab'), endStream: true, flowBytes: 2 },
    bytes(0, 0, 2, 0, 1, 0, 0, 0, 1, 97, 98),
  ],
  [
    { kind: 'headers', streamId: 3, block: bytes(0x88), endStream: false, endHeaders: true },
    bytes(0, 0, 1, 1, 4, 0, 0, 0, 3, 0x88),
  ],
  [
    { kind: 'headers', streamId: 3, block: bytes(0x88), endStream: true, endHeaders: false },
    bytes(0, 0, 1, 1, 1, 0, 0, 0, 3, 0x88),
  ],
  [{ kind: 'continuation', streamId: 3, block: bytes(0x88), endHeaders: true }, bytes(0, 0, 1, 9, 4, 0, 0, 0, 3, 0x88)],
  [{ kind: 'rst-stream', streamId: 5, code: 8 }, bytes(0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8)],
  [
    { kind: 'settings', settings: { maxConcurrentStreams: 100, initialWindowSize: 65_536 } },
    bytes(0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0),
  ],
  [{ kind: 'settings-ack' }, bytes(0, 0, 0, 4, 1, 0, 0, 0, 0)],
  [{ kind: 'ping', data: Buffer.from('12345678') }, Buffer.from('\0\0\x08\x06\0\0\0\0\0' + '12345678', 'latin1')],
  [{ kind: 'ping-ack', data: Buffer.from('12345678') }, Buffer.from('\0\0\x08\x06\x01\0\0\0\0' + '12345678', 'latin1')],
  [
    { kind: 'goaway', lastStreamId: 7, code: 11, debug: Buffer.from('hi') },
    bytes(0, 0, 10, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 11, 104, 105),
  ],
  [{ kind: 'window-update', streamId: 0, increment: 256 }, bytes(0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0)],
  [
    { kind: 'unknown', type: 0xbe, flags: 0xff, streamId: 9, payload: bytes(1) },
    bytes(0, 0, 1, 0xbe, 0xff, 0, 0, 0, 9, 1),
  ],
];

describe('the frame codec', () => {
  it.each(table)('encodes and decodes %o', (frame, wire) => {
    expect(encodeFrame(frame)).toEqual(wire);
    expect(new FrameDecoder().push(wire)).toEqual([frame]);
  });

  it('finds the frames wherever the chunks begin and end', () => {
    const wire = Buffer.concat(table.map(([, encoded]) => encoded));
    for (const size of [1, 2, 7, 10, wire.length]) {
      const decoder = new FrameDecoder();
      const decoded: Http2Frame[] = [];
      for (let at = 0; at < wire.length; at += size) decoded.push(...decoder.push(wire.subarray(at, at + size)));
      expect(decoded).toEqual(table.map(([frame]) => frame));
    }
  });

  it('drops padding and priority, and counts padding for flow control', () => {
    const padded = bytes(0, 0, 5, 0, 8, 0, 0, 0, 1, 2, 97, 98, 0, 0);
    expect(new FrameDecoder().push(padded)).toEqual([
      { kind: 'data', streamId: 1, data: Buffer.from('ab'), endStream: false, flowBytes: 5 },
    ]);
    const prioritized = bytes(0, 0, 6, 1, 0x24, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0x88);
    expect(new FrameDecoder().push(prioritized)).toEqual([
      { kind: 'headers', streamId: 1, block: bytes(0x88), endStream: false, endHeaders: true },
    ]);
  });
});

describe('encodeHeaderBlock', () => {
  it('writes literals without indexing, long ones with a length of several bytes', () => {
    expect(encodeHeaderBlock([['a', 'bc']])).toEqual(bytes(0, 1, 97, 2, 98, 99));
    // RFC 7541 section C.1.2 has 1337 with a 5-bit prefix; by the same rule 300 with 7 bits is 127, 173, 1.
    const long = encodeHeaderBlock([['a', 'x'.repeat(300)]]);
    expect(long.subarray(0, 6)).toEqual(bytes(0, 1, 97, 127, 173, 1));
    expect(long).toHaveLength(6 + 300);
  });
});
