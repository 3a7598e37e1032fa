import { describe, expect, it } from 'vitest';
import { rotated, withRotatedAddresses } from './address-rotation.js';

describe('rotated', () => {
  it.each([
    [0, ['a', 'b', 'c']],
    [1, ['b', 'c', 'a']],
    [2, ['c', 'a', 'b']],
    [3, ['a', 'b', 'c']],
    [7, ['b', 'c', 'a']],
  ])('begins at place %i', (offset, expected) => {
    expect(rotated(['a', 'b', 'c'], offset)).toEqual(expected);
  });

  it('leaves nothing as it is', () => {
    expect(rotated([], 3)).toEqual([]);
  });
});

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
