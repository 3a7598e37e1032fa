import { describe, expect, it } from 'vitest';
import { MethodConfigs, NO_METHOD_SETTINGS } from './method-config.js';

const ECHO = { service: 'echo.Echo' };
const PATH = '/echo.Echo/Call';

function timeoutOf(configs: readonly object[], path = PATH): number {
  return new MethodConfigs(configs).of(path).timeoutMs;
}

describe('the method config of a method', () => {
  const exact = { name: [{ ...ECHO, method: 'Call' }], timeout: '1s' };
  const ofService = { name: [ECHO], timeout: '2s' };
  const ofAll = { name: [{}], timeout: '3s' };

  it.each<[what: string, configs: readonly object[], path: string, timeoutMs: number]>([
    ['names service and method, wherever it stands', [ofAll, ofService, exact], PATH, 1_000],
    ['names the service, for its other methods', [exact, ofAll, ofService], '/echo.Echo/Other', 2_000],
    ['has an empty name, for other services', [exact, ofService, ofAll], '/other.Service/Call', 3_000],
    ['is the first of several alike', [{ ...ofAll, timeout: '4s' }, ofAll], PATH, 4_000],
    [
      'takes empty strings for names that are left out',
      [{ name: [{ service: '', method: '' }], timeout: '5s' }],
      PATH,
      5_000,
    ],
    ['has several names', [{ name: [{ service: 'a.B' }, ECHO], timeout: '6s' }], PATH, 6_000],
    ['is none where none matches', [{ name: [{ service: 'a.B' }], timeout: '6s' }], PATH, Infinity],
    ['is none where none has a name', [{ timeout: '6s' }], PATH, Infinity],
    ['holds whole: what it leaves out is not taken from a wider one', [{ name: [ECHO] }, ofAll], PATH, Infinity],
  ])('%s', (_what, configs, path, timeoutMs) => {
    expect(timeoutOf(configs, path)).toBe(timeoutMs);
    // Asked again it is remembered.
    const methods = new MethodConfigs(configs);
    expect(methods.of(path)).toBe(methods.of(path));
  });

  it('limits nothing where there is none', () => {
    expect(new MethodConfigs([]).of(PATH)).toBe(NO_METHOD_SETTINGS);
  });

  it.each<[timeout: unknown, timeoutMs: number]>([
    ['1s', 1_000],
    ['0s', 0],
    ['0.25s', 250],
    ['1.5s', 1_500],
    ['0.000000001s', 0.000_001],
    [{ seconds: 2, nanos: 500_000_000 }, 2_500],
  ])('has a timeout of %j', (timeout, timeoutMs) => {
    expect(timeoutOf([{ name: [{}], timeout }])).toBeCloseTo(timeoutMs, 9);
  });

  it.each([1, '1', '1m', '-1s', '1.0000000001s', null, { seconds: 1 }, { nanos: 1 }])(
    'must not have a timeout of %j',
    (timeout) => {
      expect(() => timeoutOf([{ name: [{}], timeout }])).toThrow(
        /^ChannelPool: channelOptions\['grpc\.service_config'\] must have durations like '1\.5s' as timeout, got /,
      );
    },
  );

  it.each([
    ['maxRequestMessageBytes', 'maxRequestBytes'],
    ['maxResponseMessageBytes', 'maxResponseBytes'],
  ] as const)('has %s, by this name and by that of grpc-js, as a number or a string of one', (name, short) => {
    const of = (config: object): number => new MethodConfigs([{ name: [{}], ...config }]).of(PATH)[short];
    expect(of({ [name]: 10 })).toBe(10);
    expect(of({ [name]: '10' })).toBe(10);
    expect(of({ [short]: 10 })).toBe(10);
    expect(of({ [name]: 10, [short]: 9 })).toBe(9);
    expect(of({})).toBe(Infinity);
    for (const wrong of [-1, 'many', null, NaN]) {
      expect(() => of({ [name]: wrong })).toThrow(new RegExp(`must have a number of bytes of at least 0 as ${name}`));
    }
  });
});
