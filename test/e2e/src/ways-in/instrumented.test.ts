import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import { INSTRUMENTED_WAYS, type InstrumentedReport } from './children/instrumented-program-contract.js';

let server: EchoServer;
let report: InstrumentedReport;

beforeAll(async () => {
  server = await startEchoServer();
  await using program = new Program('ways-in/children/instrumented-program', { target: server.target });
  const { output } = await program.ended();
  report = JSON.parse(output) as InstrumentedReport;
});

afterAll(() => server[Symbol.asyncDispose]());

describe("OpenTelemetry's instrumentation of grpc-js", () => {
  it.each(INSTRUMENTED_WAYS)('sees one span for each call by way of %s', (way) => {
    const port = new URL(`grpc://${server.target}`).port;
    expect(report.spans[way]).toEqual(
      ['Unary', 'ClientStream', 'ServerStream', 'Bidi'].map(
        (method) => `grpc.manifold.testing.v1.Echo/${method} 0 ${port}`,
      ),
    );
  });

  it('leaves poolInterceptor able to tell that another interceptor follows', () => {
    expect(report.misplaced).toMatch(
      /^InterceptorConfigurationError: poolInterceptor: it must be the last interceptor/,
    );
  });
});
