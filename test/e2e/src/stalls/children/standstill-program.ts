/** A program with a pooled client that its test stops, or whose wall clock its test sets forward. */
import { credentials, status } from '@grpc/grpc-js';
import { createPooledClient } from 'grpc-manifold';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { programOptions, say, told } from '../../lifecycle/children/program-side.js';
import type { StandstillProgramMessage, StandstillProgramOptions } from './standstill-contract.js';

const { target, threads, wakesAfterMs } = programOptions<StandstillProgramOptions>();
const { EchoClient } = loadEchoPackage();
const client = createPooledClient(EchoClient, target, credentials.createInsecure(), { threads });

function call(): Promise<string> {
  return new Promise((resolve) => {
    client.unary({}, { deadline: Date.now() + 20_000 }, (error) => resolve(status[error?.code ?? status.OK]));
  });
}

say<StandstillProgramMessage>({ kind: 'connected', codes: [await call()] });
await told('call');
if (wakesAfterMs !== undefined) {
  // As on a machine that slept: the monotonic clock has not advanced.
  const { now } = Date;
  Date.now = () => now() + wakesAfterMs;
}
const codes = await Promise.all([call(), call(), call()]);
say<StandstillProgramMessage>({ kind: 'called', codes, lastFault: client.pool.stats().lastFault?.tag ?? 'none' });
await client.pool.destroy();
process.disconnect();
