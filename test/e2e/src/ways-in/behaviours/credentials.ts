import { credentials, Metadata, type CallCredentials, type CallOptions } from '@grpc/grpc-js';
import { tlsCredentials } from '@grpc-manifold/thread-channel';
import { expect } from 'vitest';
import type { Behaviour, Stage } from '../behaviour.js';
import { RecordedEvents } from '../recorded-events.js';
import type { Wish } from '../way.js';

const NAMES = ['authorization', 'own', 'both', 'service-url'];

/** Call credentials that add metadata. */
function adding(entries: Readonly<Record<string, string>>): CallCredentials {
  return credentials.createFromMetadataGenerator((params, callback) => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(entries)) metadata.add(name, value);
    metadata.add('service-url', params.service_url.replace(/:\d+/, ''));
    // Later, as those that ask somebody for a token do.
    setImmediate(() => callback(null, metadata));
  });
}

const failing = (error: Error): CallCredentials =>
  credentials.createFromMetadataGenerator((_params, callback) => callback(error));

/** By its name: an address is no server name in TLS (RFC 6066, section 3). */
const secureTarget = (stage: Stage): Pick<Wish, 'target' | 'channelOptions'> => ({
  target: stage.secure.target,
  channelOptions: { 'grpc.ssl_target_name_override': 'localhost' },
});

async function callSecure(stage: Stage, options: CallOptions, channel?: CallCredentials): Promise<unknown[]> {
  // Those of createSsl could not cross to a thread.
  const tls = tlsCredentials({ rootCerts: Buffer.from(stage.certificate) });
  const client = stage.open({
    ...secureTarget(stage),
    credentials: channel === undefined ? tls : credentials.combineChannelCredentials(tls, channel),
  });
  const metadata = new Metadata();
  metadata.add('own', 'mine');
  metadata.add('both', 'mine');
  const recorded = new RecordedEvents();
  const request = { echoMetadata: NAMES };
  recorded.on(client.unary(request, metadata, { deadline: Date.now() + 60_000, ...options }, recorded.callback));
  return recorded.over();
}

const heard = (entries: object): unknown =>
  expect.arrayContaining([['callback', null, expect.objectContaining({ metadata: expect.objectContaining(entries) })]]);
const failed = (outcome: object): unknown =>
  expect.arrayContaining([['callback', expect.objectContaining(outcome), undefined]]);

export const credentialsBehaviours: readonly Behaviour[] = [
  {
    name: 'call credentials, after the metadata of the call',
    run: (stage) => callSecure(stage, { credentials: adding({ authorization: 'token', both: 'theirs' }) }),
    shows: heard({ authorization: 'token', own: 'mine', both: expect.stringContaining('theirs') }),
  },
  {
    name: 'call credentials of the channel',
    run: (stage) => callSecure(stage, {}, adding({ authorization: 'of the channel' })),
    shows: heard({ authorization: 'of the channel' }),
  },
  {
    name: 'call credentials of the channel and of the call together',
    run: (stage) =>
      callSecure(
        stage,
        { credentials: adding({ both: 'call' }) },
        adding({ authorization: 'channel', both: 'channel' }),
      ),
    shows: heard({ authorization: expect.stringContaining('channel') }),
  },
  {
    name: 'call credentials that fail',
    run: (stage) => callSecure(stage, { credentials: failing(new Error('no token')) }),
    shows: failed({ details: expect.stringContaining('no token') }),
  },
  {
    name: 'call credentials that fail with a code of their own',
    run: (stage) => callSecure(stage, { credentials: failing(Object.assign(new Error('not you'), { code: 7 })) }),
    shows: failed({ details: expect.stringContaining('not you') }),
  },
  ...[401, 512, 1.5].map((code): Behaviour => ({
    name: `call credentials that fail with the code ${code}, which gRPC does not know`,
    run: (stage) => callSecure(stage, { credentials: failing(Object.assign(new Error('not you'), { code })) }),
    shows: failed({ code }),
  })),
  {
    name: 'call credentials that fail with something that is no Error',
    run: (stage) => callSecure(stage, { credentials: failing({ code: 16, message: 'not an Error' } as never) }),
    shows: failed({ details: expect.stringContaining('not an Error') }),
  },
  {
    name: 'call credentials that answer with metadata that is no string',
    run: (stage) => callSecure(stage, { credentials: adding({ authorization: 3 as never }) }),
    shows: heard({ authorization: '3' }),
  },
  {
    name: 'call credentials that never answer, until the deadline',
    run: (stage) =>
      callSecure(stage, {
        deadline: Date.now() + 500,
        credentials: credentials.createFromMetadataGenerator(() => undefined),
      }),
    shows: failed({ code: 4 }),
  },
  {
    name: 'call credentials over a connection that is not secure',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: stage.echo.target });
      const options = { deadline: Date.now() + 60_000, credentials: adding({ authorization: 'token' }) };
      recorded.on(client.unary({ echoMetadata: NAMES }, options, recorded.callback));
      return recorded.over();
    },
    shows: heard({ authorization: 'token' }),
  },
  {
    name: 'a certificate that is not trusted',
    run: async (stage) => {
      const client = stage.open({ ...secureTarget(stage), credentials: tlsCredentials() });
      return new Promise((resolve) => client.unary({}, (error) => resolve(error?.code)));
    },
    shows: 14,
  },
  {
    name: 'the auth context of a secure call',
    run: async (stage) => {
      const client = stage.open({
        ...secureTarget(stage),
        credentials: tlsCredentials({ rootCerts: Buffer.from(stage.certificate) }),
      });
      const recorded = new RecordedEvents();
      const call = recorded.on(client.serverStream({ responseCount: 1 }));
      recorded.note('before', call.getAuthContext() === null);
      await recorded.over();
      const context = call.getAuthContext();
      recorded.note('after', context?.transportSecurityType, context?.sslPeerCertificate?.subject.CN);
      return recorded.soFar;
    },
    shows: expect.arrayContaining([['after', 'ssl', expect.anything()]]),
  },
];
