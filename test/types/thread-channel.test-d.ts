import type { ResourceLimits } from 'node:worker_threads';
import { credentials, type ChannelCredentials, type ClientOptions, type VerifyOptions } from '@grpc/grpc-js';
import type { ChannelFactory } from '@grpc-manifold/core';
import {
  threadChannelFactory,
  tlsCredentials,
  type ThreadChannelFactory,
  type ThreadChannelFactoryOptions,
  type TlsCredentialsOptions,
} from '@grpc-manifold/thread-channel';
import { ChannelPool, type ChannelPoolOptions } from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

const threads = threadChannelFactory({
  threads: 2,
  workerUrl: new URL('./grpc-thread.js', 'file:///app/main.js'),
  resourceLimits: { maxOldGenerationSizeMb: 256 },
});
threadChannelFactory();
threadChannelFactory({});

// It goes where a pool takes a factory.
({ channelFactory: threads, minChannels: 2 }) satisfies ChannelPoolOptions;
new ChannelPool('localhost:50051', credentials.createInsecure(), { channelFactory: threads });

// It makes the channel of a plain client, too.
({
  channelFactoryOverride: threads,
}) satisfies ClientOptions;

// @ts-expect-error a path is not a URL
threadChannelFactory({ workerUrl: './grpc-thread.js' });
// @ts-expect-error a number of threads
threadChannelFactory({ threads: 'auto' });
// @ts-expect-error there is no such option
threadChannelFactory({ maxThreads: 2 });
// @ts-expect-error a limit that Node does not know
threadChannelFactory({ resourceLimits: { heapMb: 64 } });
// @ts-expect-error options are read once
const _frozen = ((options: ThreadChannelFactoryOptions) => (options.threads = 3))({});

const secure = tlsCredentials({
  rootCerts: Buffer.from(''),
  privateKey: null,
  verifyOptions: { rejectUnauthorized: false },
});
tlsCredentials();
// They are as good as any.
new ChannelPool('localhost:50051', secure);
credentials.combineChannelCredentials(secure, credentials.createEmpty());

// @ts-expect-error PEM comes in Buffers, as for createSsl
tlsCredentials({ rootCerts: '-----BEGIN CERTIFICATE-----' });
// @ts-expect-error in grpc-js it is rootCerts
tlsCredentials({ ca: Buffer.from('') });

async function scope(): Promise<void> {
  await using own = threadChannelFactory();
  own.check?.('localhost:50051', secure, {});
}
void scope;

export type Checks = [
  Expect<Equal<typeof threads, ThreadChannelFactory>>,
  Expect<ThreadChannelFactory extends ChannelFactory & AsyncDisposable ? true : false>,
  Expect<Equal<Parameters<typeof threadChannelFactory>, [options?: ThreadChannelFactoryOptions]>>,
  Expect<Equal<ThreadChannelFactoryOptions['workerUrl'], URL | undefined>>,
  Expect<Equal<ThreadChannelFactoryOptions['resourceLimits'], ResourceLimits | undefined>>,
  Expect<Equal<typeof secure, ChannelCredentials>>,
  Expect<Equal<TlsCredentialsOptions['certChain'], Buffer | null | undefined>>,
  Expect<Equal<TlsCredentialsOptions['verifyOptions'], VerifyOptions | undefined>>,
];
