/// <reference lib="esnext.disposable" preserve="true" />
/** What the packages of grpc-manifold share with each other. It may change in any release. */
export type { ChannelPoolEnvironment } from './pool-environment.js';
export { CHANNEL_POOL_OPTION_NAMES } from './options/options.js';
export { placeOfOption } from './options/option-place.js';
export { PICKER_NAMES } from './pickers/index.js';
