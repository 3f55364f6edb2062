/**
 * Checks of arguments: JSON comes from anybody, and the types of TypeScript are gone at run time.
 * Each check returns the value it was given as what it says it is, or complains of the place.
 */

/** Returns `value` as a `T`, or throws a `Mismatch`. `path` is where in the argument it is. */
export type Check<T> = (value: unknown, path: string) => T;

/** What the check of `C` returns. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** A value that is not what was expected. */
export class Mismatch extends Error {
  constructor(
    /** Where in the argument, for example `.sizes[1]`; empty for the argument itself. */
    readonly path: string,
    problem: string,
  ) {
    super(problem);
  }
}

/** What the validators of many libraries have in common: https://standardschema.dev. */
export interface StandardSchema<T> {
  readonly '~standard': {
    validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** The keys whose checks take `undefined` may be left out. */
type Shape<M> = { [K in keyof M as undefined extends M[K] ? never : K]: M[K] } & {
  [K in keyof M as undefined extends M[K] ? K : never]?: M[K];
};

/** The checks. */
export const is = {
  /** Anything at all. */
  any: ((value) => value) as Check<any>,

  string: typed<string>('a string', (value) => typeof value === 'string'),

  number: typed<number>('a number', (value) => typeof value === 'number'),

  boolean: typed<boolean>('a boolean', (value) => typeof value === 'boolean'),

  /** A whole number that a JavaScript number holds exactly. */
  integer: typed<number>('an integer', (value) => Number.isSafeInteger(value)),

  /** A whole number that is not negative: a count, a moment in milliseconds. */
  natural: typed<number>('a whole number of at least 0', (value) => Number.isSafeInteger(value) && (value as number) >= 0),

  /** One of these strings. */
  oneOf<const T extends string>(...variants: T[]): Check<T> {
    const list = variants.map((variant) => `\`${variant}\``).join(', ');
    return (value, path) => {
      if ((variants as unknown[]).includes(value)) return value as T;
      if (typeof value !== 'string') throw wrongType(path, value, `one of ${list}`);
      throw new Mismatch(path, `unknown variant \`${value}\`, expected one of ${list}`);
    };
  },

  /** What may be left out or be `null`: `undefined` then. */
  optional<T>(check: Check<T>): Check<T | undefined> {
    return (value, path) => (value === undefined || value === null ? undefined : check(value, path));
  },

  /** An array. */
  array<T>(check: Check<T>): Check<T[]> {
    return (value, path) => {
      if (!Array.isArray(value)) throw wrongType(path, value, 'an array');
      return value.map((item, position) => check(item, `${path}[${position}]`));
    };
  },

  /** An object with these members, and no others. */
  object<M extends Record<string, unknown>>(members: { [K in keyof M]: Check<M[K]> }): Check<Shape<M>> {
    return (value, path) => {
      const given = record(value, path);
      const unknown = Object.keys(given).find((name) => !Object.hasOwn(members, name));
      if (unknown !== undefined) {
        throw new Mismatch(path, `unknown member \`${unknown}\`; there are ${Object.keys(members).join(', ')}`);
      }
      const checked = Object.entries(members).map(([name, check]: [string, Check<unknown>]) => {
        return [name, check(Object.hasOwn(given, name) ? given[name] : undefined, `${path}.${name}`)];
      });
      return Object.fromEntries(checked) as Shape<M>;
    };
  },

  /** An object with any names, and values of one kind. */
  record<T>(check: Check<T>): Check<Record<string, T>> {
    return (value, path) => {
      const entries = Object.entries(record(value, path));
      return Object.fromEntries(entries.map(([name, item]) => [name, check(item, `${path}.${name}`)]));
    };
  },

  /** What a validator of another library accepts, if it answers at once. */
  schema<T>(schema: StandardSchema<T>): Check<T> {
    return (value, path) => {
      const result = schema['~standard'].validate(value);
      if (result instanceof Promise) throw new TypeError('the validator is asynchronous');
      if (result.issues === undefined) return result.value;
      const issue = result.issues[0];
      throw new Mismatch(path + (issue?.path ?? []).map(step).join(''), issue?.message ?? 'it is not valid');
    };
  },
};

function typed<T>(expected: string, holds: (value: unknown) => boolean): Check<T> {
  return (value, path) => {
    if (holds(value)) return value as T;
    throw wrongType(path, value, expected);
  };
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrongType(path, value, 'an object');
}

function wrongType(path: string, value: unknown, expected: string): Mismatch {
  return new Mismatch(path, value === undefined ? 'is missing' : `invalid type: ${described(value)}, expected ${expected}`);
}

function described(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value);
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}

function step(part: unknown): string {
  const key = typeof part === 'object' && part !== null && 'key' in part ? part.key : part;
  return typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
}
