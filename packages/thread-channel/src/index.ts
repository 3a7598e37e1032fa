/// <reference lib="esnext.disposable" preserve="true" />
export { threadChannelFactory, type ThreadChannelFactory } from './thread-channel-factory.js';
export type { ThreadChannelFactoryOptions } from './options.js';
export { tlsCredentials, type TlsCredentialsOptions } from './crossing/tls-credentials.js';
