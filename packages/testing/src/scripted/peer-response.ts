import { encodeHeaderBlock } from './header-block.js';
import { MAX_FRAME_BYTES, type Http2Frame } from './http2-frame.js';

/** A whole gRPC response. */
export interface PeerResponse {
  /** gRPC status code. Default 0. */
  readonly status?: number;
  /** Becomes grpc-message, percent-encoded. */
  readonly details?: string;
  /**
   * Serialized messages, together at most 65,535 bytes: the peer does not wait for the client's window. Default none.
   */
  readonly messages?: readonly Buffer[];
  /** Additional initial metadata, or trailers of a trailers-only response. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Send the status in the first and only header block. Default false; only without messages. */
  readonly trailersOnly?: boolean;
}

/** The part of a response that leaves the stream open. */
export type PartialResponse = Pick<PeerResponse, 'messages' | 'metadata'>;

/** Encodes initial metadata and messages as frames that leave the stream open. */
export function partialResponseFrames(streamId: number, response: PartialResponse): readonly Http2Frame[] {
  const headers: Http2Frame = { kind: 'headers', streamId, block: encodeHeaderBlock(initialHeaders(response)) };
  return [headers, ...(response.messages ?? []).flatMap((message) => messageFrames(streamId, message))];
}

/** Encodes a whole response as frames that end the stream. */
export function responseFrames(streamId: number, response: PeerResponse): readonly Http2Frame[] {
  const trailers: [string, string][] = [['grpc-status', String(response.status ?? 0)]];
  if (response.details !== undefined) trailers.push(['grpc-message', encodeURI(response.details)]);
  if (response.trailersOnly === true) {
    const block = encodeHeaderBlock([...initialHeaders(response), ...trailers]);
    return [{ kind: 'headers', streamId, block, endStream: true }];
  }
  const ending: Http2Frame = { kind: 'headers', streamId, block: encodeHeaderBlock(trailers), endStream: true };
  return [...partialResponseFrames(streamId, response), ending];
}

/** Encodes a length-prefixed gRPC message as DATA frames of the size that every client accepts. */
function messageFrames(streamId: number, message: Buffer): readonly Http2Frame[] {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const bytes = Buffer.concat([prefix, message]);
  const frames: Http2Frame[] = [];
  for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
    frames.push({ kind: 'data', streamId, data: bytes.subarray(at, at + MAX_FRAME_BYTES) });
  }
  return frames;
}

function initialHeaders(response: PartialResponse): [string, string][] {
  return [[':status', '200'], ['content-type', 'application/grpc'], ...Object.entries(response.metadata ?? {})];
}
