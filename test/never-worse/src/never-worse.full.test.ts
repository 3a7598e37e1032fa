import { vi } from 'vitest';
import { CATALOGUE } from './catalogue/index.js';
import { describeCases } from './describe-cases.js';

// Read by grpc-js when it is loaded: names are resolved by the DNS server that a target names.
vi.hoisted(() => (process.env['GRPC_NODE_USE_ALTERNATIVE_RESOLVER'] = 'true'));

describeCases(CATALOGUE, ({ isSlow = false }) => isSlow);
