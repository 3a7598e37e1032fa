import { credentials } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { ChannelPool } from '../channel-pool.js';
import { balancingLeftOut } from './load-balancing.js';

const TARGET = 'dns:///api.example.com:443';
const optionsWith = (config: object): { 'grpc.service_config': string } => ({
  'grpc.service_config': JSON.stringify(config),
});

describe('the load balancing that a pool leaves out', () => {
  it.each<[object, string]>([
    [{ loadBalancingConfig: [{ round_robin: {} }] }, 'round_robin'],
    [{ loadBalancingConfig: [{ outlier_detection: { childPolicy: [{ round_robin: {} }] } }] }, 'outlier_detection'],
    [{ loadBalancingConfig: [{ of_somebody_else: {} }, { weighted_round_robin: {} }] }, 'weighted_round_robin'],
    [{ loadBalancingPolicy: 'ROUND_ROBIN' }, 'ROUND_ROBIN'],
  ])('is that of %j', (config, name) => {
    expect(balancingLeftOut(TARGET, optionsWith(config))).toBe(name);
    expect(balancingLeftOut('xds:///service', optionsWith(config))).toBeUndefined();
  });

  it.each([
    {},
    { methodConfig: [] },
    { loadBalancingConfig: [] },
    { loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] },
    { loadBalancingConfig: [{ of_somebody_else: {} }, { pick_first: {} }] },
    { loadBalancingConfig: 'round_robin' },
    { loadBalancingPolicy: 'PICK_FIRST' },
  ])('is none for %j', (config) => {
    expect(balancingLeftOut(TARGET, optionsWith(config))).toBeUndefined();
    expect(balancingLeftOut(TARGET, {})).toBeUndefined();
  });

  it('is warned of once a pool', async () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      for (const config of [
        { loadBalancingConfig: [{ round_robin: {} }] },
        { loadBalancingConfig: [{ pick_first: {} }] },
      ]) {
        const channelOptions = optionsWith(config);
        const pool = new ChannelPool('ipv4:127.0.0.1:1', credentials.createInsecure(), { channelOptions });
        pool.getConnectivityState(true);
        await pool.destroy();
      }
      expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
        "ChannelPool of ipv4:127.0.0.1:1: the service config asks for 'round_robin', which is left out: each connection goes " +
          'to one address, and calls are spread over connections (docs/guides/wrapping-clients.md)',
        'GrpcManifoldWarning',
      );
    } finally {
      emitWarning.mockRestore();
    }
  });
});
