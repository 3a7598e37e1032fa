import { X509Certificate } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { startEchoServer } from './start-echo-server.js';
import { loadEchoPackage, type EchoResponse } from './echo-service.js';
import { selfSignedCertificate } from './self-signed.js';

it('a self-signed certificate is good for localhost and 127.0.0.1 and for nobody else', async () => {
  const { cert } = await selfSignedCertificate();
  const parsed = new X509Certificate(cert);
  expect(parsed.checkHost('localhost')).toBe('localhost');
  expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(parsed.checkHost('example.org')).toBeUndefined();
});

it.each([
  ['expired', 'certificate has expired'],
  ['other-name', 'does not match'],
] as const)('a certificate that is %s is refused by a client that trusts who signed it', async (kind, words) => {
  const tls = await selfSignedCertificate(kind);
  await using server = await startEchoServer({ tls }, 'grpc-js');
  const { EchoClient } = loadEchoPackage();
  const client = new EchoClient(`localhost:${server.port}`, credentials.createSsl(Buffer.from(tls.cert)));
  const error = await new Promise<Error | null>((resolve) => void client.unary({}, resolve));
  expect(error?.message).toContain(words);
  client.close();
});

it('a client that trusts the certificate calls a TLS server', async () => {
  const tls = await selfSignedCertificate();
  await using server = await startEchoServer({ tls });
  const { EchoClient } = loadEchoPackage();
  const client = new EchoClient(`localhost:${server.port}`, credentials.createSsl(Buffer.from(tls.cert)));
  const response = await new Promise<EchoResponse | undefined>((resolve, reject) => {
    client.unary({ payload: Buffer.from('sealed') }, (error, value) => (error ? reject(error) : resolve(value)));
  });
  expect(response?.payload.toString()).toBe('sealed');
  client.close();
});
