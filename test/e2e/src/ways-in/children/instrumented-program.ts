/** A program that has OpenTelemetry's instrumentation of grpc-js on, and makes one call of each kind in each way. */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Client, Interceptor } from '@grpc/grpc-js';
import type { EchoClient } from '@grpc-manifold/testing';
import { programOptions } from '../../lifecycle/children/program-side.js';
import type { INSTRUMENTED_WAYS, InstrumentedReport } from './instrumented-program-contract.js';

const exporter = new InMemorySpanExporter();
const instrumentation = new GrpcInstrumentation();
instrumentation.setTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
instrumentation.enable();
// It patches grpc-js when that is required, so nothing may have imported it before.
createRequire(import.meta.url)('@grpc/grpc-js');
const { credentials, InterceptingCall } = await import('@grpc/grpc-js');
const { ChannelPool, createPooledClient, pooledChannelFactory, poolInterceptor, repool } =
  await import('grpc-manifold');
const { loadEchoPackage } = await import('@grpc-manifold/testing');

const { target } = programOptions<{ readonly target: string }>();
const { EchoClient: Echo } = loadEchoPackage();
const insecure = credentials.createInsecure();
const payload = Buffer.from('hello');

async function callEachKind(client: EchoClient): Promise<void> {
  const answered = (open: (callback: (error: Error | null) => void) => unknown): Promise<void> =>
    new Promise((resolve, reject) => open((error) => (error === null ? resolve() : reject(error))));
  const ended = (stream: NodeJS.ReadableStream): Promise<unknown> =>
    new Promise((resolve, reject) => stream.on('status', resolve).on('error', reject).resume());
  await answered((callback) => client.unary({ payload }, callback));
  await answered((callback) => client.clientStream(callback).end({ payload }));
  await ended(client.serverStream({ payload }));
  const both = client.bidi();
  both.end({ payload });
  await ended(both);
}

/** The spans of the calls of a client, in the order in which they ended. */
async function spansOf(client: EchoClient, pool?: InstanceType<typeof ChannelPool>): Promise<string[]> {
  exporter.reset();
  await callEachKind(client);
  client.close();
  await pool?.drain();
  return exporter.getFinishedSpans().map(({ name, attributes }) => {
    return `${name} ${String(attributes['rpc.grpc.status_code'])} ${String(attributes['server.port'])}`;
  });
}

const newPool = (): InstanceType<typeof ChannelPool> => new ChannelPool(target, insecure);
const shared = [newPool(), newPool()] as const;
const spans: Record<(typeof INSTRUMENTED_WAYS)[number], string[]> = {
  plain: await spansOf(new Echo(target, insecure)),
  createPooledClient: await spansOf(createPooledClient(Echo, target, insecure)),
  repool: await spansOf(repool(new Echo(target, insecure), shared[0]), shared[0]),
  poolInterceptor: await spansOf(new Echo(target, insecure, { interceptors: [poolInterceptor(shared[1])] }), shared[1]),
  pooledChannelFactory: await spansOf(new Echo(target, insecure, { channelFactoryOverride: pooledChannelFactory() })),
};

const pool = newPool();
const other: Interceptor = (options, nextCall) => new InterceptingCall(nextCall(options));
const client: Client & EchoClient = new Echo(target, insecure, { interceptors: [poolInterceptor(pool), other] });
let misplaced = 'no error';
try {
  client.unary({ payload }, () => undefined);
} catch (error) {
  misplaced = String(error);
}
client.close();
await pool.drain();

writeSync(1, JSON.stringify({ spans, misplaced } satisfies InstrumentedReport));
process.disconnect();
