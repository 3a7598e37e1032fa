import type { StatusObject } from '@grpc/grpc-js';

/**
 * The one message that the pool asks for because its client has not asked for any when the headers came: until the first
 * read grpc-js lets a stream flow in without limit, after one it stops at the next message (subchannel-call.ts, `tryPush`).
 */
export class ReadAhead {
  /** The client has asked by now. */
  isWanted = false;
  hasMessage = false;
  message: unknown;
  /** The stream ended well behind the message: told after it, as grpc-js does. */
  ending: StatusObject | undefined;
}
