import { createRequire } from 'node:module';
import * as grpc from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustBeClientClass, notThisClient } from './client-class.js';

const { EchoClient: Echo } = loadEchoPackage();
const insecure = grpc.credentials.createInsecure();
const instance = new Echo('ipv4:127.0.0.1:1', insecure);
let anotherCopy: typeof grpc;

beforeAll(() => {
  anotherCopy = secondCopy();
});

afterAll(() => instance.close());

/** grpc-js a second time, as a dependency with a copy of its own has it. */
function secondCopy(): typeof grpc {
  const require = createRequire(import.meta.url);
  const copy = Object.entries(require.cache).filter(([path]) => path.includes('@grpc/grpc-js'));
  for (const [path] of copy) delete require.cache[path];
  const second = require('@grpc/grpc-js') as typeof grpc;
  expect(second.Client).not.toBe(grpc.Client);
  return second;
}

const check = (given: unknown) => (): void => mustBeClientClass('createPooledClient', given as never);

describe('mustBeClientClass', () => {
  it.each<[string, unknown]>([
    ['a class that was generated', Echo],
    ["grpc-js's own", grpc.Client],
    ['a class that inherits from one', class extends Echo {}],
    ['a function that makes clients', function make() {}],
  ])('takes %s', (_what, Class) => {
    expect(check(Class)).not.toThrow();
  });

  it.each<[string, () => unknown, string]>([
    ['an instance', () => instance, 'got an instance of Echo; give the class itself, or repool(client, pool)'],
    [
      'a package',
      () => ({ manifold: { testing: { v1: { Echo, EchoRequest: { format: 'Protocol Buffer 3 DescriptorProto' } } } } }),
      'got a package; give a class out of it: manifold.testing.v1.Echo',
    ],
    [
      'the definition of a service',
      () => Echo.service,
      "got the definition of a service; give the client that was generated beside it, or makeClientConstructor(definition, 'Name')",
    ],
    [
      'the definition of a package',
      () => ({ 'manifold.testing.v1.Echo': Echo.service }),
      'got a package definition; give a class out of what loadPackageDefinition() makes of it',
    ],
    [
      'a service of another generator',
      () => ({ typeName: 'shop.Orders', methods: [] }),
      'got the definition of a service',
    ],
    ['a target', () => 'localhost:50051', "got 'localhost:50051'; the target comes after the class"],
    ['nothing', () => undefined, 'got undefined'],
    ['an empty object', () => ({}), 'got {}'],
  ])('refuses %s, and says what to give', (_what, given, words) => {
    expect(check(given())).toThrow(TypeError);
    expect(check(given())).toThrow(`createPooledClient: the client class must be a class, ${words}`);
  });

  it('refuses a class of another copy of grpc-js, and says so', () => {
    const { Client } = anotherCopy;
    class OrdersClient extends Client {}
    expect(check(OrdersClient)).toThrow(
      'createPooledClient: OrdersClient is of another copy of @grpc/grpc-js than grpc-manifold; ' +
        'both must use one copy of @grpc/grpc-js, and `npm ls @grpc/grpc-js` shows all there are',
    );
  });

  it('names three classes of a package at the most, and does not run in circles', () => {
    const round: Record<string, unknown> = { a: { Echo }, b: { Echo }, c: Echo, d: Echo };
    round['self'] = round;
    expect(check(round)).toThrow(/give a class out of it: c, d, a\.Echo$/);
    const empty: Record<string, unknown> = {};
    empty['self'] = empty;
    expect(check(empty)).toThrow(TypeError);
  });
});

describe('notThisClient', () => {
  it('tells a client of another copy of grpc-js from what is no client', () => {
    const other = new anotherCopy.Client('ipv4:127.0.0.1:1', anotherCopy.credentials.createInsecure());
    expect(notThisClient(other)).toMatch(
      /^client must be a client of the same copy of .* got one of another; both must/,
    );
    other.close();
    expect(notThisClient({})).toMatch(/same copy of @grpc\/grpc-js, got \{\}$/);
  });
});
