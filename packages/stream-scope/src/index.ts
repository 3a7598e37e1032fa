/// <reference lib="esnext.disposable" preserve="true" />
export type { StreamIdentity } from './open-streams/stream-record.js';
