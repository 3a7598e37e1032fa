import { connectivityState, credentials, experimental } from '@grpc/grpc-js';
import { leakCheck } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { ChannelPool } from '../channel-pool.js';

const INSECURE = credentials.createInsecure();
const open = (target: string): ChannelPool => new ChannelPool(target, INSECURE);

describe('the target of a pool', () => {
  it.each([
    ['http://localhost:50051', "; give 'localhost:50051' with credentials.createInsecure()"],
    ['http://localhost', "; give 'localhost:80' with credentials.createInsecure()"],
    ['HTTPS://api.example.com/path?query', "; give 'api.example.com:443' with credentials.createSsl()"],
    ['grpcs://api.example.com:8443', "; give 'api.example.com:8443' with credentials.createSsl()"],
    ['grpc://user@[::1]:50051', "; give '[::1]:50051' with credentials.createInsecure()"],
    ['http://', ''],
  ])('must not be the URL %s, and leaves nothing when it is', async (target, instead) => {
    const check = leakCheck();
    expect(() => open(target)).toThrow(TypeError);
    expect(() => open(target)).toThrow(
      new TypeError(
        `ChannelPool: target must be host:port or a name of gRPC such as dns:///host:port, got the URL '${target}'${instead}`,
      ),
    );
    await check.expectNothingLeft();
  });

  it.each(['localhost', 'dns:///localhost:1', 'dns://127.0.0.1/localhost:1', 'unix:///nowhere', 'ipv4:127.0.0.1:1'])(
    'may be %s',
    async (target) => {
      const pool = open(target);
      expect(pool.getConnectivityState(false)).toBe(connectivityState.IDLE);
      await pool.destroy();
    },
  );

  it('may be a URL of a scheme that a resolver was registered for', async () => {
    class Resolver {
      static getDefaultAuthority(): string {
        return 'localhost';
      }
      updateResolution(): void {}
      destroy(): void {}
    }
    experimental.registerResolver('http', Resolver);
    await open('http://localhost:50051').destroy();
  });
});
