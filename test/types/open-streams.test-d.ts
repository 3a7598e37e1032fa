import { openStreams, watchStreams, type CallKind, type OpenStream, type StreamAlarm } from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

const streams = openStreams();
export type Streams = Expect<Equal<typeof streams, readonly OpenStream[]>>;
export type Kind = Expect<Equal<OpenStream['kind'], CallKind>>;
// @ts-expect-error a snapshot is not changed
streams.push(streams[0]!);
for (const stream of streams) {
  (stream.ageMs + stream.idleMs + stream.sentMessages + stream.receivedMessages) satisfies number;
  stream.openedAt satisfies string | undefined;
  stream.cancel();
  // @ts-expect-error a snapshot is not changed
  stream.ageMs = 0;
}

{
  using _watch = watchStreams({
    maxOpenStreams: 100,
    maxAgeMs: Infinity,
    onAlarm({ reason, stream, open }) {
      reason satisfies 'too-many' | 'too-old' | 'collected';
      open satisfies number;
      // @ts-expect-error it may be about no stream
      stream.cancel();
      stream?.cancel();
    },
  });
}
export type Alarm = Expect<Equal<StreamAlarm['reason'], 'too-many' | 'too-old' | 'collected'>>;
// @ts-expect-error somebody must be told
watchStreams({ maxAgeMs: 1_000 });
// @ts-expect-error an option that there is not
watchStreams({ maxIdleMs: 1_000, onAlarm() {} });
