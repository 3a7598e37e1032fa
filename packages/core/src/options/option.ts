import { inspect } from 'node:util';
import { nearestName } from './nearest-name.js';

/**
 * Reads and checks the options of one function or class. Each error names the option, the accepted values and the given
 * value.
 *
 * `where` is the user's name for what takes the options, such as 'ChannelPool' or 'queue'. It begins each error.
 */
export class OptionReader<Options extends object> {
  readonly #options: Options;

  /**
   * @param placeOf returns advice on where an unknown key belongs; undefined when it is unknown everywhere.
   * @throws TypeError when `options` is not an object or has a key that is not in `known`.
   */
  constructor(
    readonly where: string,
    options: Options | undefined,
    known: readonly (keyof Options & string)[],
    placeOf: (key: string) => string | undefined = () => undefined,
  ) {
    if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) {
      throw new TypeError(`${where}: options must be an object, got ${show(options)}`);
    }
    this.#options = options ?? ({} as Options);
    mustNotBeInterceptor(where, this.#options);
    for (const key of Object.keys(this.#options)) {
      if (!(known as readonly string[]).includes(key)) throw unknownOption(where, key, known, placeOf(key));
    }
  }

  /** A whole number from `min` to `max`, or Infinity when `unlimited` is true. */
  integer(
    key: keyof Options & string,
    fallback: number,
    range: { min: number; max?: number; unlimited?: boolean },
  ): number {
    const value = this.#number(key, fallback, range);
    if (value !== Infinity && !Number.isInteger(value)) this.#outOfRange(key, value, 'a whole number', range);
    return value;
  }

  /** A number from `min` to `max`, or Infinity when `unlimited` is true. */
  number(
    key: keyof Options & string,
    fallback: number,
    range: { min: number; max?: number; unlimited?: boolean },
  ): number {
    return this.#number(key, fallback, range);
  }

  /** One of the given words. */
  oneOf<const Word extends string>(key: keyof Options & string, fallback: Word, words: readonly Word[]): Word {
    const value: unknown = this.#options[key];
    if (value === undefined) return fallback;
    if (!(words as readonly unknown[]).includes(value)) {
      throw new TypeError(`${this.where}: ${key} must be one of ${words.map(show).join(', ')}, got ${show(value)}`);
    }
    return value as Word;
  }

  /** A function, or undefined when it was not given. */
  optionalFunction<Key extends keyof Options & string>(key: Key): Options[Key] | undefined {
    const value: unknown = this.#options[key];
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`${this.where}: ${key} must be a function, got ${show(value)}`);
    }
    return value as Options[Key] | undefined;
  }

  /** A plain object, or undefined when it was not given. */
  optionalObject<Key extends keyof Options & string>(key: Key): Options[Key] | undefined {
    const value: unknown = this.#options[key];
    if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw new TypeError(`${this.where}: ${key} must be an object, got ${show(value)}`);
    }
    return value as Options[Key] | undefined;
  }

  /** True or false. */
  boolean(key: keyof Options & string, fallback: boolean): boolean {
    const value: unknown = this.#options[key];
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') {
      throw new TypeError(`${this.where}: ${key} must be true or false, got ${show(value)}`);
    }
    return value;
  }

  /** A list, or undefined when it was not given. */
  optionalList<Key extends keyof Options & string>(key: Key): Options[Key] | undefined {
    const value: unknown = this.#options[key];
    if (value !== undefined && !Array.isArray(value)) {
      throw new TypeError(`${this.where}: ${key} must be a list, got ${show(value)}`);
    }
    return value as Options[Key] | undefined;
  }

  #number(
    key: keyof Options & string,
    fallback: number,
    range: { min: number; max?: number; unlimited?: boolean },
  ): number {
    const value: unknown = this.#options[key];
    if (value === undefined) return fallback;
    if (typeof value !== 'number') {
      throw new TypeError(`${this.where}: ${key} must be a number ${rangeText(range)}, got ${show(value)}`);
    }
    if (value === Infinity && range.unlimited === true) return value;
    if (!Number.isFinite(value) || value < range.min || value > (range.max ?? Infinity)) {
      this.#outOfRange(key, value, 'a number', range);
    }
    return value;
  }

  #outOfRange(
    key: string,
    value: number,
    kind: string,
    range: { min: number; max?: number; unlimited?: boolean },
  ): never {
    throw new RangeError(`${this.where}: ${key} must be ${kind} ${rangeText(range)}, got ${show(value)}`);
  }
}

/**
 * Creates the error for an unknown option. It lists the known options, and says where the key belongs or which known
 * option is most similar.
 *
 * @param place advice on where the key belongs, as the error shows it.
 * @param alsoKnown text that follows the list of known options.
 */
export function unknownOption(
  where: string,
  key: string,
  known: readonly string[],
  place?: string,
  alsoKnown = '',
): TypeError {
  const nearest = place === undefined ? nearestName(key, known) : undefined;
  const advice = place ?? (nearest === undefined ? undefined : `did you mean ${show(nearest)}?`);
  const names = `known are ${known.join(', ')}${alsoKnown}`;
  return new TypeError(`${where}: unknown option ${show(key)}; ${names}${advice === undefined ? '' : `; ${advice}`}`);
}

/**
 * Detects that a factory of interceptors was passed to grpc-js as an interceptor: grpc-js then calls it with the call
 * options, which have a `method_definition`.
 *
 * @throws TypeError that explains the mistake.
 */
export function mustNotBeInterceptor(where: string, options: object): void {
  if (!('method_definition' in options)) return;
  throw new TypeError(
    `${where}: grpc-js has called it as if it were an interceptor; call it once and give what it returns, as in ` +
      `interceptors: [${where}(…)]`,
  );
}

function rangeText(range: { min: number; max?: number; unlimited?: boolean }): string {
  const text = range.max === undefined ? `of at least ${range.min}` : `from ${range.min} to ${range.max}`;
  return range.unlimited === true ? `${text}, or Infinity` : text;
}

function show(value: unknown): string {
  const text = inspect(value, {
    depth: 0,
    compact: true,
    breakLength: Infinity,
    maxArrayLength: 3,
    maxStringLength: 80,
  });
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
