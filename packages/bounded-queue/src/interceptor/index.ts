export { boundedQueue, type BoundedQueueEnvironment, type BoundedQueueInterceptor } from './bounded-queue.js';
export type { BoundedQueueOptions } from './options.js';
export type { QueueStats } from './stats.js';
