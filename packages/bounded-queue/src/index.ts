export { AdmissionQueue, notQueued, type Queued, type QueueLinks, type QueueRefusal } from './admission-queue.js';
export { resolveQueueOptions, type QueueOptions, type ResolvedQueueOptions } from './options.js';
export { queueRefusal, type QueueFacts } from './refusal.js';
