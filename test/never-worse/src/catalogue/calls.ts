import { credentials, Metadata, status, type ServiceConfig } from '@grpc/grpc-js';
import type { Family } from '../case.js';
import { answer, begin, finish, startAnsweringPeer } from '../peers/scripted-answers.js';
import { inOrder, tally } from '../seen.js';

/** Codes of RFC 9113, section 7, that an RST_STREAM may carry. */
const RST_CODES = [0, 1, 2, 3, 5, 7, 8, 11, 12, 13];

const RETRIED: ServiceConfig = {
  loadBalancingConfig: [],
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.01s',
        maxBackoff: '0.01s',
        backoffMultiplier: 1,
        retryableStatusCodes: [status.UNAVAILABLE],
      },
    },
  ],
};

function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

export const calls: Family = {
  heading: 'Calls',
  cases: [
    {
      title: 'A client is closed while fifty calls are under way.',
      report: 'https://github.com/grpc/grpc-node/issues/1340',
      run: async (stage) => {
        const peer = stage.own(await startAnsweringPeer({ onRequestEnd: () => undefined }));
        const client = stage.open(peer.target);
        const ended = Array.from({ length: 50 }, () => stage.unary(client).ended);
        await peer.waitFor(({ openStreams }) => openStreams === 50);
        client.close();
        for (const connection of peer.connections) {
          for (const streamId of connection.openStreamIds) answer(connection, streamId);
        }
        return { calls: tally(await Promise.all(ended)) };
      },
      plain: { calls: '50 × OK' },
    },
    {
      title: 'A call begins on a client that was closed.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        await stage.unary(client).ended;
        client.close();
        try {
          return { call: await stage.unary(client).ended };
        } catch {
          return { call: 'throws' };
        }
      },
      plain: { call: 'throws' },
      pooled: {
        is: 'difference',
        saw: { call: 'UNAVAILABLE' },
        why: 'A pool never throws where a call begins: it refuses by a status, which `explain(error)` tells more of.',
      },
    },
    {
      title: 'A call is cancelled in the tick that it begins in, and another before there is a connection.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const cold = stage.unary(client);
        cold.call.cancel();
        const first = await cold.ended;
        await stage.unary(client).ended;
        const warm = stage.unary(client);
        warm.call.cancel();
        return { cold: first, warm: await warm.ended, next: await stage.unary(client).ended };
      },
      plain: { cold: 'CANCELLED', warm: 'CANCELLED', next: 'OK' },
    },
    {
      title: 'The deadline has passed before a call begins.',
      report: 'https://github.com/grpc/grpc-node/issues/1985',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const cold = await stage.unary(client, { timeoutMs: -1 }).ended;
        await stage.unary(client).ended;
        const warm = await stage.unary(client, { options: { deadline: new Date(Date.now() - 1) } }).ended;
        return { cold, warm, epoch: await stage.unary(client, { options: { deadline: 0 } }).ended };
      },
      plain: { cold: 'DEADLINE_EXCEEDED', warm: 'DEADLINE_EXCEEDED', epoch: 'DEADLINE_EXCEEDED' },
    },
    {
      title: 'A token service never answers, and the calls that wait for it have deadlines or are cancelled.',
      report: 'https://github.com/grpc/grpc-java/issues/4929',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        await stage.unary(client).ended;
        const hanging = credentials.createFromMetadataGenerator(() => undefined);
        const late = stage.unary(client, { options: { credentials: hanging }, timeoutMs: 50 });
        const cancelled = stage.unary(client, { options: { credentials: hanging } });
        const other = await stage.unary(client).ended;
        cancelled.call.cancel();
        return { 'with a deadline': await late.ended, cancelled: await cancelled.ended, 'without a token': other };
      },
      plain: { 'with a deadline': 'DEADLINE_EXCEEDED', cancelled: 'CANCELLED', 'without a token': 'OK' },
    },
    {
      title: 'A token service fails, with an error that has a status and with one that has none.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const failing = (error: Error): Parameters<typeof stage.unary>[1] => ({
          options: { credentials: credentials.createFromMetadataGenerator((_, callback) => callback(error)) },
        });
        const denied = Object.assign(new Error('no'), { code: status.PERMISSION_DENIED, details: 'no' });
        return {
          'with a status': await stage.unary(client, failing(denied)).ended,
          'with none': await stage.unary(client, failing(new Error('no'))).ended,
        };
      },
      plain: { 'with a status': 'PERMISSION_DENIED', 'with none': 'UNKNOWN' },
    },
    {
      title: 'Metadata of 8, 32 and 48 KB goes out and comes back as trailers.',
      report: 'https://github.com/grpc/grpc-node/issues/1533',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const seen: string[] = [];
        for (const bytes of [8_192, 32_768, 49_152]) {
          const metadata = metadataOf({ 'x-big': 'b'.repeat(bytes) });
          seen.push(
            await stage.unary(client, { metadata, request: { echoTrailers: ['x-big'] }, timeoutMs: 60_000 }).ended,
          );
        }
        return { calls: inOrder(seen) };
      },
      plain: { calls: 'OK, OK, OK' },
    },
    {
      title: 'An answer has trailers only, with metadata.',
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) =>
              connection.respond(streamId, {
                status: status.NOT_FOUND,
                details: 'no such thing',
                metadata: { 'x-reason': 'gone' },
                trailersOnly: true,
              }),
          }),
        );
        const client = stage.open(peer.target);
        const call = stage.unary(client);
        const code = await call.ended;
        return {
          code,
          details: call.details,
          metadata: String(call.trailers?.get('x-reason')),
          events: inOrder(call.events),
        };
      },
      plain: { code: 'NOT_FOUND', details: 'no such thing', metadata: 'gone', events: 'NOT_FOUND' },
    },
    {
      title: `A stream of a call is reset with code ${RST_CODES.join(', ')} in turn.`,
      report: 'https://github.com/grpc/grpc-node/issues/1532',
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) => {
              connection.respondPartly(streamId);
              connection.sendRst(streamId, RST_CODES[next] ?? 0);
            },
          }),
        );
        let next = 0;
        const client = stage.open(peer.target);
        const seen: string[] = [];
        for (; next < RST_CODES.length; next += 1) seen.push(await stage.unary(client).ended);
        return { calls: inOrder(seen), connections: peer.acceptedConnections };
      },
      plain: {
        calls: inOrder([
          ...Array.from({ length: 5 }, () => 'INTERNAL'),
          'UNAVAILABLE',
          'CANCELLED',
          'RESOURCE_EXHAUSTED',
          'PERMISSION_DENIED',
          'INTERNAL',
        ]),
        connections: 1,
      },
    },
    {
      title: 'Messages are larger than the client takes, and than it may send.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target, {
          channelOptions: { 'grpc.max_receive_message_length': 1_000, 'grpc.max_send_message_length': 2_000 },
        });
        return {
          received: await stage.unary(client, { request: { responseBytes: 1_001 } }).ended,
          sent: await stage.unary(client, { request: { payload: Buffer.alloc(2_001) } }).ended,
          neither: await stage.unary(client).ended,
        };
      },
      plain: { received: 'RESOURCE_EXHAUSTED', sent: 'RESOURCE_EXHAUSTED', neither: 'OK' },
    },
    {
      title: 'Messages are compressed, by gzip and by deflate.',
      run: async (stage) => {
        const sizes: number[] = [];
        const seen: string[] = [];
        for (const algorithm of [1, 2]) {
          const client = stage.open(stage.echo.target, {
            channelOptions: { 'grpc.default_compression_algorithm': algorithm },
          });
          const call = stage.unary(client, { request: { payload: Buffer.alloc(50_000, 'a') } });
          seen.push(await call.ended);
          sizes.push(call.messages[0]?.payload.length ?? 0);
        }
        return { calls: inOrder(seen), bytes: sizes.join(', ') };
      },
      plain: { calls: 'OK, OK', bytes: '50000, 50000' },
    },
    {
      title: 'Either side of a stream ends first.',
      run: async (stage) => {
        const client = stage.open(stage.echo.target);
        const halfClosed = stage.converse(client);
        halfClosed.call.end();
        const silent = await halfClosed.ended;
        const asked = stage.converse(client);
        asked.call.write({});
        asked.call.end();
        await asked.ended;
        const failed = stage.converse(client);
        failed.call.write({ statusCode: status.ABORTED });
        const early = stage.upload(client);
        early.call.write({ statusCode: status.ABORTED });
        return {
          'no message': silent,
          'one message': inOrder(asked.events),
          'server first': await failed.ended,
          'server first, upload': await early.ended,
        };
      },
      plain: {
        'no message': 'OK',
        'one message': 'metadata, message, OK',
        'server first': 'ABORTED',
        'server first, upload': 'ABORTED',
      },
    },
    {
      title: 'The service config retries, and the first two attempts fail.',
      run: async (stage) => {
        let attempts = 0;
        const peer = stage.own(
          await startAnsweringPeer({
            onRequestEnd: (connection, streamId) => {
              attempts += 1;
              if (attempts % 3 === 0) return answer(connection, streamId);
              connection.respond(streamId, { status: status.UNAVAILABLE, trailersOnly: true });
            },
          }),
        );
        const client = stage.open(peer.target, { channelOptions: { 'grpc.service_config': JSON.stringify(RETRIED) } });
        return { call: await stage.unary(client).ended, attempts };
      },
      plain: { call: 'OK', attempts: 3 },
    },
    {
      title: 'The server allows one stream at a time, and five calls begin.',
      report: 'https://github.com/grpc/grpc-java/issues/8252',
      run: async (stage) => {
        const order: number[] = [];
        const peer = stage.own(
          await startAnsweringPeer({
            settings: { maxConcurrentStreams: 1 },
            onRequestEnd: (connection, streamId) => setImmediate(() => answer(connection, streamId)),
          }),
        );
        const client = stage.open(peer.target, { pool: { maxChannels: 1 } });
        await stage.unary(client).ended;
        const ended = [0, 1, 2, 3, 4].map(async (index) => {
          const code = await stage.unary(client).ended;
          order.push(index);
          return code;
        });
        const seen = tally(await Promise.all(ended));
        return { calls: seen, order: order.join(', '), 'open at a time': peer.connections[0]?.peakOpenStreams ?? 0 };
      },
      plain: { calls: '5 × OK', order: '0, 1, 2, 3, 4', 'open at a time': 1 },
    },
    {
      title: 'The server allows one stream at a time and one is open, and a call with a deadline begins.',
      report: 'https://github.com/kurrent-io/KurrentDB/issues/5682',
      run: async (stage) => {
        const peer = stage.own(
          await startAnsweringPeer({
            settings: { maxConcurrentStreams: 1 },
            onRequestEnd: (connection, streamId) => {
              if (streamId > 1) begin(connection, streamId);
              else answer(connection, streamId);
            },
          }),
        );
        const client = stage.open(peer.target, { pool: { maxChannels: 1 } });
        await stage.unary(client).ended;
        const open = await stage.subscribe(client).received(1);
        const late = await stage.unary(client, { timeoutMs: 50 }).ended;
        const [connection] = peer.connections;
        if (connection !== undefined) finish(connection, connection.lastStreamId);
        return { call: late, 'the open stream': await open.ended };
      },
      plain: { call: 'DEADLINE_EXCEEDED', 'the open stream': 'OK' },
    },
  ],
};
