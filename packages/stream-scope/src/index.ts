/// <reference lib="esnext.disposable" preserve="true" />
export { scoped, scopedUpload } from './scope/scoped.js';
export type { ScopeOptions } from './scope/options.js';
export type { ScopedStream } from './scope/scoped-stream.js';
export type { ScopedReadable } from './scope/scoped-readable.js';
export type { ScopedWriter } from './scope/scoped-writer.js';
export type { ScopedDuplex } from './scope/scoped-duplex.js';
export type { ScopedUpload } from './scope/scoped-upload.js';
export type { UnaryCallback } from './messages/upload-response.js';
export { StreamLimitError, type LifeLimit } from './ending/stream-limit-error.js';
export { StreamScope } from './group/stream-scope.js';
export type { StreamScopeOptions } from './group/options.js';
export type { StreamIdentity } from './open-streams/stream-record.js';
export { openStreams, type OpenStream } from './open-streams/open-stream.js';
export { watchStreams, type StreamAlarm, type WatchStreamsOptions } from './open-streams/stream-watch.js';
