import tls from 'node:tls';
import type { CallCredentials } from '@grpc/grpc-js';
import { ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import { selfSignedCertificate } from '@grpc-manifold/testing';
import { describe, expect, it, vi } from 'vitest';
import { crossingCredentials, crossingOptions, checkTarget } from './crossing.js';
import { credentialsOf } from './credentials-recipe.js';
import { tlsCredentials } from './tls-credentials.js';

const token = (value: string): CallCredentials =>
  credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new Metadata();
    metadata.set('authorization', value);
    callback(null, metadata);
  });

describe('credentials', () => {
  it('cross when they are insecure', () => {
    const crossing = crossingCredentials(credentials.createInsecure());
    expect(crossing).toEqual({ recipe: { kind: 'insecure' }, callCredentials: undefined });
    expect(credentialsOf(crossing.recipe)._isSecure()).toBe(false);
  });

  it('cross with all their options when tlsCredentials made them', async () => {
    const { cert, key } = await selfSignedCertificate();
    const options = { rootCerts: Buffer.from(cert), privateKey: Buffer.from(key), certChain: Buffer.from(cert) };
    const made = tlsCredentials({ ...options, verifyOptions: { rejectUnauthorized: false } });
    expect(made).toBeInstanceOf(ChannelCredentials);
    const { recipe } = crossingCredentials(made);
    expect(recipe).toEqual({ kind: 'tls', ...options, rejectUnauthorized: false });
    expect(credentialsOf(structuredClone(recipe))._isSecure()).toBe(true);
  });

  it('leave their call credentials on the calling thread, also when composed twice', async () => {
    const made = credentials.combineChannelCredentials(tlsCredentials(), token('a'));
    const { recipe, callCredentials } = crossingCredentials(made.compose(token('b')));
    expect(recipe.kind).toBe('tls');
    const metadata = await callCredentials?.generateMetadata({ service_url: 'https://x', method_name: 'y' });
    expect(metadata?.get('authorization')).toEqual(['a', 'b']);
  });

  it.each([
    ['made by createSsl', () => credentials.createSsl()],
    [
      'made by createSsl and composed',
      () => credentials.combineChannelCredentials(credentials.createSsl(), token('a')),
    ],
  ])('do not cross when they were %s, and the error says what to do', (_name, make) => {
    expect(() => crossingCredentials(make())).toThrow(TypeError);
    expect(() => crossingCredentials(make())).toThrow(/tlsCredentials.*createInsecure.*threads: 0/);
  });

  it('do not cross with checkServerIdentity', () => {
    const made = tlsCredentials({ verifyOptions: { checkServerIdentity: () => undefined } });
    expect(() => crossingCredentials(made)).toThrow(/checkServerIdentity is a function.*threads: 0/);
  });

  it.each([
    [{ rootCert: Buffer.alloc(0) }, /unknown option 'rootCert'/],
    [{ rootCerts: 'PEM' }, /Root certificate.*Buffer/i],
    [{ privateKey: Buffer.from('x') }, /accompanying certificate chain/],
    [{ verifyOptions: 3 }, /verifyOptions must be an object, got 3/],
    ['PEM', /options must be an object/],
  ])('are not made of %j', (options, message) => {
    expect(() => tlsCredentials(options as never)).toThrow(message);
  });

  it('do not count as insecure when they only inherit from insecure credentials', () => {
    const own = Object.create(credentials.createInsecure(), {}) as ChannelCredentials;
    expect(() => crossingCredentials(own)).toThrow(/cannot cross to a thread/);
  });

  it.runIf('setDefaultCACertificates' in tls)('trust what this thread was told to trust', async () => {
    const { cert } = await selfSignedCertificate();
    const { getCACertificates, setDefaultCACertificates } = tls as unknown as {
      getCACertificates(kind: string): string[];
      setDefaultCACertificates(certificates: readonly string[]): void;
    };
    // Every thread trusts the certificates of the file that the variable names.
    vi.stubEnv('GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', undefined);
    const before = getCACertificates('default');
    try {
      setDefaultCACertificates([cert]);
      const { recipe } = crossingCredentials(tlsCredentials());
      expect(recipe.kind === 'tls' && String(recipe.rootCerts).trim()).toBe(cert.trim());
    } finally {
      setDefaultCACertificates(before);
    }
    expect(crossingCredentials(tlsCredentials()).recipe).toMatchObject({ rootCerts: null });
    vi.unstubAllEnvs();
  });

  it('keep copies of the keys, so that the caller may change or clear the originals', async () => {
    const { cert, key } = await selfSignedCertificate();
    const [certChain, privateKey] = [Buffer.from(cert), Buffer.from(key)];
    const made = tlsCredentials({ certChain, privateKey });
    privateKey.fill(0);
    const { recipe } = crossingCredentials(made);
    expect(recipe).toMatchObject({ privateKey: Buffer.from(key) });
    expect(recipe.kind === 'tls' && recipe.privateKey?.buffer.byteLength).toBe(key.length);
  });

  it('do not change the options object of the caller', () => {
    const options = { rootCerts: null as Buffer | null };
    const made = tlsCredentials(options);
    options.rootCerts = Buffer.from('changed');
    expect(crossingCredentials(made).recipe).toMatchObject({ rootCerts: null });
  });
});

describe('channel options', () => {
  it('cross as copies', () => {
    const options = { 'grpc.keepalive_time_ms': 10_000, 'grpc.primary_user_agent': 'me', other: { deep: [1] } };
    const crossing = crossingOptions(options);
    expect(crossing).toEqual(options);
    expect(crossing['other']).not.toBe(options.other);
  });

  it('do not cross when one cannot be cloned, and the error names the first such option', () => {
    const options = { 'grpc.keepalive_time_ms': 1, custom: () => 3 };
    expect(() => crossingOptions(options)).toThrow(
      /channel option custom must be a plain value.*\[Function.*threads: 0/,
    );
  });
});

describe('channel options that structured clone changes', () => {
  class Balancer {
    readonly name = 'mine';
  }

  it.each([
    ['an object of a class', new Balancer()],
    ['a Buffer', Buffer.from('x')],
  ])('do not cross: %s', (_name, value) => {
    expect(() => crossingOptions({ custom: value })).toThrow(/channel option custom must be a plain value/);
  });

  it('cross when they are undefined, and keep their key', () => {
    expect(crossingOptions({ 'grpc.primary_user_agent': undefined } as never)).toEqual({
      'grpc.primary_user_agent': undefined,
    });
  });
});

describe('targets', () => {
  it.each(['dns:localhost:80', 'ipv4:127.0.0.1:80', 'ipv6:[::1]:80', 'unix:/tmp/x'])('may be %s', (target) => {
    expect(() => checkTarget(target)).not.toThrow();
  });

  it.each(['xds:///service', 'consul:service'])(
    'are refused when their scheme is not resolved in a thread: %s',
    (target) => {
      expect(() => checkTarget(target)).toThrow(new RegExp(`${target}.*threads: 0`));
    },
  );
});
