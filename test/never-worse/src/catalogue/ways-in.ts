import type { Client } from '@grpc/grpc-js';
import { credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '@grpc-manifold/testing';
import { createPooledClient, keepalive, pooledChannelFactory } from 'grpc-manifold';
import type { Family } from '../case.js';
import { startLocalServer } from '../peers/local-server.js';
import { Program } from '../program.js';
import { tally } from '../seen.js';

const { EchoClient: Echo } = loadEchoPackage();

export const waysIn: Family = {
  heading: 'Libraries and classes',
  cases: [
    {
      title: 'A library makes its own client, with keepalive options of its own, over `pooledChannelFactory`.',
      report: 'https://github.com/temporalio/sdk-typescript/pull/855',
      run: async (stage) => {
        const options: ClientOptions = {
          'grpc.keepalive_time_ms': 30_000,
          'grpc.keepalive_timeout_ms': 15_000,
          'grpc.keepalive_permit_without_calls': 1,
        };
        if (stage.way !== 'plain') {
          const place = stage.way === 'threads' ? { channelFactory: stage.shared.inThreads } : {};
          options.channelFactoryOverride = pooledChannelFactory({ policies: [keepalive()], ...place });
        }
        const client = new Echo(stage.echo.target, credentials.createInsecure(), options);
        stage.after(() => client.close());
        return { call: await stage.unary(client).ended };
      },
      plain: { call: 'OK' },
    },
    {
      title: 'OpenTelemetry traces grpc-js, and a client uses `poolInterceptor`.',
      run: async (stage) => stage.own(new Program('traced', { way: stage.way, target: stage.echo.target })).seen(),
      plain: { call: 'OK', spans: 1, 'the process': 'OK' },
      isSlow: true,
    },
    {
      title: 'A client class does not hand its options on.',
      run: async (stage) => {
        class Forgetful extends (Echo as unknown as new (
          target: string,
          credentials: ChannelCredentials,
          options?: object,
        ) => Client) {
          constructor(target: string, given: ChannelCredentials) {
            super(target, given);
          }
        }
        try {
          const client =
            stage.way === 'plain'
              ? new Forgetful(stage.echo.target, credentials.createInsecure())
              : createPooledClient(Forgetful, stage.echo.target, credentials.createInsecure());
          stage.after(() => client.close());
          return { call: await stage.unary(client as EchoClient).ended };
        } catch (error) {
          return { call: `${(error as Error).name} where the client is made` };
        }
      },
      plain: { call: 'OK' },
      pooled: {
        is: 'difference',
        saw: { call: 'TypeError where the client is made' },
        why: 'Such a client would not be pooled. It is refused where it is made, with the fix, and not left as it is in silence.',
      },
    },
    {
      title: 'The target is a URL, as in `http://localhost:50051`.',
      run: async (stage) => {
        try {
          return { call: await stage.unary(stage.open('http://127.0.0.1:1')).ended };
        } catch (error) {
          return { call: `${(error as Error).name} where the client is made` };
        }
      },
      plain: { call: 'UNAVAILABLE' },
      pooled: {
        is: 'difference',
        saw: { call: 'TypeError where the client is made' },
        why: 'gRPC takes such a target for a name that nobody can resolve. A pool says so where the client is made, with the target to give.',
      },
    },
    {
      title: 'The service config asks for `round_robin` over two addresses.',
      run: async (stage) => {
        const servers = [stage.own(await startLocalServer()), stage.own(await startLocalServer())];
        const config = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }], methodConfig: [] });
        const client = stage.open(`ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`).join()}`, {
          channelOptions: { 'grpc.service_config': config },
        });
        const seen: string[] = [];
        for (let call = 0; call < 20; call += 1) seen.push(await stage.unary(client).ended);
        return { calls: tally(seen), 'servers that got calls': servers.filter(({ calls }) => calls > 0).length };
      },
      plain: { calls: '20 × OK', 'servers that got calls': 2 },
      pooled: {
        is: 'difference',
        saw: { 'servers that got calls': 1 },
        why:
          'Each connection of a pool goes to one address, and calls are balanced over connections, of which twenty calls one after ' +
          'another need one. A pool warns once of load balancing that it leaves out. `minChannels` and `maxChannels` spread calls ' +
          'over several addresses.',
        decision: '0004-one-member-one-connection.md',
      },
    },
  ],
};
