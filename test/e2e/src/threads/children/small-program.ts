/** The smallest program over a pool in threads: one call, without generated code. Also bundled, into one file. */
import { credentials, makeGenericClientConstructor, type Client, type ServiceError } from '@grpc/grpc-js';
import { createPooledClient, threadChannelFactory } from 'grpc-manifold';
import type { SmallProgramMessage, SmallProgramOptions } from './small-program-contract.js';

const { target, path, worker } = JSON.parse(process.argv[2] as string) as SmallProgramOptions;
const bytes = (buffer: Buffer): Buffer => buffer;
const SmallClient = makeGenericClientConstructor(
  {
    call: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  'Small',
) as unknown as new (...args: ConstructorParameters<typeof Client>) => Client & {
  call(request: Buffer, done: (error: ServiceError | null) => void): void;
};
await using factory = threadChannelFactory(worker === undefined ? {} : { workerUrl: new URL(worker, import.meta.url) });
await using client = createPooledClient(SmallClient, target, credentials.createInsecure(), { channelFactory: factory });
const error = await new Promise<ServiceError | null>((resolve) => client.call(Buffer.alloc(0), resolve));
const ended: SmallProgramMessage = { kind: 'ended', code: error?.code ?? 0, details: error?.details ?? '' };
process.send?.(ended);
process.disconnect();
