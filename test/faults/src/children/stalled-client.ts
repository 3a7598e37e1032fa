import { credentials } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { createPooledClient, explain } from 'grpc-manifold';
import type { StalledClientOptions } from './stalled-client-contract.js';

/** Makes one call to a peer that does not answer, says what it was told, and leaves everything as it is. */
const options = JSON.parse(process.argv[2] ?? '{}') as StalledClientOptions;
const { target, rootCertificate, connectTimeoutMs } = options;

const client = createPooledClient(
  loadEchoPackage().EchoClient,
  target,
  rootCertificate === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(rootCertificate)),
  { connectTimeoutMs, channelOptions: { 'grpc.ssl_target_name_override': 'localhost' } },
);
client.unary({}, (error) => {
  console.log(explain(error)?.fault?.tag ?? 'no fault');
});
