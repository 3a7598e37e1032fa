import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '../case.js';
import { startLocalServer } from '../peers/local-server.js';
import { inOrder, tally } from '../seen.js';

const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

export const targets: Family = {
  heading: 'Targets and proxies',
  cases: [
    {
      title: 'The server listens on a unix socket.',
      report: 'https://github.com/grpc/grpc-node/issues/258',
      run: async (stage) => {
        const folder = await mkdtemp(join(tmpdir(), 'never-worse-'));
        stage.after(() => rm(folder, { recursive: true }));
        const target = `unix:${join(folder, 'echo.sock')}`;
        stage.own(await startLocalServer(target));
        const client = stage.open(target);
        return { calls: tally(await Promise.all([0, 1, 2].map(() => stage.unary(client).ended))) };
      },
      plain: { calls: '3 × OK' },
    },
    {
      title: 'The server listens on an IPv6 address.',
      missing: () => (hasIpv6() ? undefined : 'this machine has no ::1'),
      run: async (stage) => {
        const server = stage.own(await startLocalServer('[::1]:0'));
        const ended = [`ipv6:[::1]:${server.port}`, `[::1]:${server.port}`].map(
          (target) => stage.unary(stage.open(target)).ended,
        );
        return { calls: tally(await Promise.all(ended)) };
      },
      plain: { calls: '2 × OK' },
    },
    {
      title: 'Nobody listens at the first of two addresses.',
      run: async (stage) => {
        const server = stage.own(await startLocalServer());
        const client = stage.open(`ipv4:127.0.0.1:1,127.0.0.1:${server.port}`);
        const seen = [await stage.unary(client).ended, await stage.unary(client).ended];
        return { calls: inOrder(seen), 'connections that were used': server.peers.size };
      },
      plain: { calls: 'OK, OK', 'connections that were used': 1 },
    },
    {
      title: 'Nobody listens at the target.',
      run: async (stage) => {
        const client = stage.open('127.0.0.1:1');
        return { call: await stage.unary(client).ended, stream: await stage.subscribe(client).ended };
      },
      plain: { call: 'UNAVAILABLE', stream: 'UNAVAILABLE' },
    },
  ],
};
