import { chosenPeer } from '@grpc-manifold/testing';
import { afterAll, expect, it, vi } from 'vitest';
import { KINDS } from './call-kind.js';
import { FAULTS } from './catalogue/index.js';
import type { CellReport } from './cell.js';
import { describeFaults } from './describe-faults.js';
import { checkOrWrite } from './fault-page.js';
import { Servers } from './servers.js';

// Read by grpc-js when it is loaded: names are resolved by the DNS server that a target names.
vi.hoisted(() => (process.env['GRPC_NODE_USE_ALTERNATIVE_RESOLVER'] = 'true'));

const servers = new Servers();
const reports: CellReport[] = [];
const peer = chosenPeer();
const isWhole = peer === 'grpc-js';
/** The scripted peer does the same whatever the real servers are; grpc-go permits one PING in five minutes. */
const met = FAULTS.filter(
  ({ isLive, sendsPings = false }) => isWhole || (isLive && (peer !== 'grpc-go' || !sendsPings)),
);

afterAll(() => servers[Symbol.asyncDispose]());

describeFaults(met, servers, (report) => reports.push(report));

it.runIf(isWhole)('docs/faults.md says what was seen', async ({ skip }) => {
  if (reports.length < FAULTS.length * KINDS.length) skip('not every fault was met in this run');
  const { written, seen } = await checkOrWrite(reports);
  expect(written, 'run `npm run faults` to write it anew').toBe(seen);
});
