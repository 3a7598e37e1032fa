import { describe, expect, it } from 'vitest';
import { withRotatedAddresses } from './address-rotation.js';

describe('withRotatedAddresses', () => {
  const config = { methodConfig: [{ name: [{}], waitForReady: true }] };

  it('differs between members in nothing but where they begin', () => {
    const options = { 'grpc.service_config': JSON.stringify(config), 'grpc.keepalive_time_ms': 60_000 };
    const [first, second] = [1, 2].map((id) => withRotatedAddresses('dns:///a', options, id));
    expect(first).not.toEqual(second);
    for (const member of [first, second]) {
      expect(member?.['grpc.keepalive_time_ms']).toBe(60_000);
      expect(JSON.parse(String(member?.['grpc.service_config']))).toMatchObject(config);
    }
    expect(options['grpc.service_config']).toBe(JSON.stringify(config));
  });

  it('leaves xDS its own balancing', () => {
    expect(withRotatedAddresses('xds:///a', {}, 2)).toEqual({});
  });
});
