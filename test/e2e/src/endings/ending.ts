import type { status } from '@grpc/grpc-js';
import type { ChannelPoolOptions } from 'grpc-manifold';
import type { Kind } from './call-kind.js';
import type { RawCall } from './raw-call.js';
import type { RecordedCall } from './recorded-call.js';
import type { Stage } from './stage.js';

/** One way in which a call ends. */
export interface Ending {
  readonly name: string;
  /** Options of the pool that it happens in. */
  readonly pool?: ChannelPoolOptions;
  /** What the caller is told. */
  readonly code: status;
  readonly details?: RegExp;
  /** The pool takes no calls afterwards. Default false. */
  readonly closesPool?: boolean;
  /** Brings a call to this end, as far as the test must have a hand in it. */
  readonly act: (stage: Stage, kind: Kind) => Promise<RecordedCall | RawCall>;
}

/** A pool of one stream, which a stage can fill. */
export const ONE_STREAM = { maxChannels: 1, maxStreamsPerChannel: 1 } as const satisfies ChannelPoolOptions;
