/**
 * A program with OpenTelemetry's instrumentation of grpc-js, whose client uses `poolInterceptor` unless it is plain.
 */
import { createRequire } from 'node:module';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { programOptions, tell } from './program-side.js';

const { way, target } = programOptions();
const exporter = new InMemorySpanExporter();
const instrumentation = new GrpcInstrumentation();
instrumentation.setTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
instrumentation.enable();
// It patches grpc-js when that is required, so nothing may have imported it before.
createRequire(import.meta.url)('@grpc/grpc-js');
const { credentials } = await import('@grpc/grpc-js');
const { ChannelPool, poolInterceptor } = await import('grpc-manifold');
const { threadChannelFactory } = await import('@grpc-manifold/thread-channel');
const { loadEchoPackage } = await import('@grpc-manifold/testing');
const { UnaryCall } = await import('../watched-call.js');

const insecure = credentials.createInsecure();
const inThreads = threadChannelFactory({ threads: 1 });
const place = way === 'threads' ? { channelFactory: inThreads } : {};
const pool = way === 'plain' ? undefined : new ChannelPool(target, insecure, place);
const interceptors = pool === undefined ? [] : [poolInterceptor(pool)];
const client = new (loadEchoPackage().EchoClient)(target, insecure, { interceptors });
const call = await new UnaryCall(client).ended;
client.close();
await pool?.destroy();
await inThreads[Symbol.asyncDispose]();
tell({ call, spans: exporter.getFinishedSpans().length });
