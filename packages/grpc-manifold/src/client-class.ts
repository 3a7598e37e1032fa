import { inspect } from 'node:util';
import { Client, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';

/** A generated client class: proto-loader's, grpc-tools' or ts-proto's, unchanged. */
export type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

/** Classes that are named when a package was given, and objects in it that are looked at for that. */
const MAX_NAMED_CLASSES = 3;
const MAX_OBJECTS = 1_000;

const ONE_COPY = 'both must use one copy of @grpc/grpc-js, and `npm ls @grpc/grpc-js` shows all there are';

/**
 * Checks that something can be made a client of, as far as that shows before one is made.
 *
 * @throws TypeError that says what was given instead, and what to give.
 */
export function mustBeClientClass<C extends Client>(where: string, given: ClientClass<C>): void {
  const prototype = prototypeOf(given);
  if (prototype === undefined) throw new TypeError(`${where}: ${whatWasGiven(given)}`);
  if (isClientLike(prototype) && !isOurs(prototype)) {
    throw new TypeError(
      `${where}: ${nameOf(given)} is of another copy of @grpc/grpc-js than grpc-manifold; ${ONE_COPY}`,
    );
  }
}

/** Says why `given` is no client of this copy of grpc-js. */
export function notThisClient(given: unknown): string {
  const must = 'client must be a client of the same copy of @grpc/grpc-js';
  if (isClientLike(given)) return `${must} as grpc-manifold, got one of another; ${ONE_COPY}`;
  return `${must}, got ${inspect(given, { depth: 0 })}`;
}

function whatWasGiven(given: unknown): string {
  const must = 'the client class must be a class';
  if (isClientLike(given)) {
    return `${must}, got an instance of ${nameOf((given as object).constructor)}; give the class itself, or repool(client, pool)`;
  }
  if (typeof given === 'object' && given !== null) {
    if (isService(given) || isGeneratedService(given)) {
      return `${must}, got the definition of a service; give the client that was generated beside it, or makeClientConstructor(definition, 'Name')`;
    }
    if (Object.values(given).some(isService) && !Object.values(given).some(isClass)) {
      return `${must}, got a package definition; give a class out of what loadPackageDefinition() makes of it`;
    }
    const classes = classesIn(given);
    if (classes.length > 0) return `${must}, got a package; give a class out of it: ${classes.join(', ')}`;
  }
  if (typeof given === 'string') return `${must}, got ${inspect(given)}; the target comes after the class`;
  return `${must}, got ${inspect(given, { depth: 0 })}`;
}

/** The paths of client classes in a package, e.g. 'shop.Orders'; some of them. */
function classesIn(given: object): string[] {
  const found: string[] = [];
  const paths = new Map<object, string>([[given, '']]);
  // What is found is appended, and looked at in its turn.
  for (const [outer, path] of paths) {
    for (const [key, value] of Object.entries(outer) as [string, unknown][]) {
      if (isClass(value)) found.push(path + key);
      else if (isPackage(value) && paths.size < MAX_OBJECTS && !paths.has(value)) paths.set(value, `${path}${key}.`);
    }
    if (found.length >= MAX_NAMED_CLASSES) break;
  }
  return found.slice(0, MAX_NAMED_CLASSES);
}

function isClass(value: unknown): boolean {
  const prototype = prototypeOf(value);
  return prototype !== undefined && isClientLike(prototype);
}

/** False for what loadPackageDefinition makes of messages and enums. */
function isPackage(value: unknown): value is object {
  return typeof value === 'object' && value !== null && typeof (value as { format?: unknown }).format !== 'string';
}

/** A definition as grpc-js takes it: methods by their names. */
function isService(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const methods: unknown[] = Object.values(value);
  return methods.length > 0 && methods.every((method) => isMethod(method));
}

/** What generators for other gRPC libraries make of a service. */
function isGeneratedService(value: object): boolean {
  const { typeName, fullName, methods } = value as { typeName?: unknown; fullName?: unknown; methods?: unknown };
  return typeof (typeName ?? fullName) === 'string' && typeof methods === 'object';
}

function isMethod(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'path' in value && 'requestStream' in value;
}

function prototypeOf(value: unknown): object | undefined {
  if (typeof value !== 'function') return undefined;
  const prototype: unknown = value.prototype;
  return typeof prototype === 'object' && prototype !== null ? prototype : undefined;
}

/** True of what has the methods of a grpc-js client, whatever copy it is of. */
function isClientLike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { makeUnaryRequest, makeBidiStreamRequest } = value as Partial<Client>;
  return typeof makeUnaryRequest === 'function' && typeof makeBidiStreamRequest === 'function';
}

/** True of a client of this copy of grpc-js, and of the prototype of its classes. */
function isOurs(client: object): boolean {
  return client instanceof Client || client === Client.prototype;
}

/** What a user calls a class: proto-loader gives all of them one name, and each the name of its service. */
export function nameOf(Class: unknown): string {
  if (typeof Class !== 'function') return 'a class';
  const { serviceName } = Class as { serviceName?: unknown };
  if (typeof serviceName === 'string' && serviceName !== '') return serviceName;
  return Class.name === '' ? 'the client class' : Class.name;
}
