import type { Family } from '../case.js';
import { startTunnels } from '../peers/tunnels.js';
import { tally } from '../seen.js';
import type { Stage } from '../stage.js';

/** Sets the variable that grpc-js reads when a channel is made, for the time of the case. */
function useProxy(stage: Stage, url: string): void {
  process.env['grpc_proxy'] = url;
  stage.after(() => delete process.env['grpc_proxy']);
}

export const tunnels: Family = {
  heading: 'CONNECT proxies',
  cases: [
    {
      title: 'The way to the server leads through a CONNECT proxy.',
      report: 'https://github.com/temporalio/sdk-typescript/issues/1387',
      run: async (stage) => {
        const proxy = await startTunnels(stage, false);
        useProxy(stage, `http://${proxy.address}`);
        const client = stage.open(stage.echo.target, {}, 'own');
        const calls = tally(await Promise.all([0, 1, 2].map(() => stage.unary(client).ended)));
        return { calls, tunnels: proxy.asked.length };
      },
      plain: { calls: '3 × OK', tunnels: 1 },
    },
  ],
};
