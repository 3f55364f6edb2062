/** What a user writes, a class, and what `actor()` makes of it, an actor type. */

import type { Check } from './check.js';
import type { Context } from './context.js';
import { declared, raw, undeclared, type Declaration, type Reader } from './parameters.js';
import type { Payload } from './payload.js';

/**
 * An actor: a class whose `state` is durable and whose public methods can be called by address, from
 * anywhere. It does one thing at a time, and each message takes effect as a whole or not at all.
 *
 * Public are all methods whose names begin with a letter: of this class, and of those between it and
 * `Actor`. TypeScript's `private` is gone at run time: what is nobody's business is called `#so`.
 */
export abstract class Actor<S extends object = object> {
  /**
   * What is durable: plain JSON. The initial value is that of an actor nobody has written to, and
   * the default of members that a stored state lacks. Saved after each turn that changed it.
   */
  abstract state: S;

  /** The door to the host, during a turn: not in constructors. */
  declare readonly ctx: Context;

  /** Runs when the actor comes into memory, before its first message. Failing refuses that message. */
  activate?(): void;

  /** Runs before an idle actor leaves memory. Not after a crash. */
  deactivate?(): void;
}

/** The public methods of an actor class. */
export type MethodName<A> = {
  [K in keyof A]-?: K extends keyof Actor ? never : A[K] extends (...body: never[]) => unknown ? K : never;
}[keyof A] &
  string;

/** Declares the arguments of methods, so that they are checked and may come by name or by position. */
export type Declarations<A> = { readonly [M in MethodName<A>]?: DeclarationOf<A[M]> };

type DeclarationOf<F> = F extends () => unknown
  ? Readonly<Record<string, never>>
  : F extends (body: infer B) => unknown
    ? [B] extends [Payload]
      ? typeof raw
      : B extends object
        ? { readonly [K in keyof Required<B>]: Check<B[K]> }
        : never
    : never;

/** A method of an actor type. */
export interface Method<A> {
  readonly read: Reader;
  readonly run: (this: A, argument: unknown) => unknown;
}

/** An actor type: what a component is made from, and what a `TestHost` runs. */
export interface ActorType<A extends Actor = Actor> {
  /** The class's name. */
  readonly name: string;
  /** Its methods, in the order they are written. */
  readonly methods: ReadonlyMap<string, Method<A>>;
  /** A new actor, not yet loaded. */
  readonly create: () => A;
}

/** What a method can be called over HTTP. */
const METHOD_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const RESERVED = new Set(['constructor', 'activate', 'deactivate', 'state', 'ctx']);

/**
 * Makes a class an actor type: `export default actor(Task)`.
 *
 * ```ts
 * export default actor(Task, {
 *   create: { title: is.string, assignee: is.optional(is.string) },
 *   photograph: raw,
 * });
 * ```
 */
export function actor<A extends Actor>(Class: new () => A, declarations: Declarations<A> = {}): ActorType<A> {
  const functions = publicMethods(Class);
  const stated = Object.entries(declarations) as [string, Declaration][];
  const unknown = stated.find(([name]) => !functions.has(name));
  if (unknown !== undefined) throw new TypeError(`${Class.name} has no method ${unknown[0]} to declare`);
  const methods = new Map<string, Method<A>>();
  for (const [name, run] of functions) {
    const declaration = stated.find(([stated]) => stated === name)?.[1];
    methods.set(name, { read: declaration === undefined ? undeclared(run) : declared(declaration), run });
  }
  return { name: Class.name, methods, create: () => new Class() };
}

function publicMethods<A extends Actor>(Class: new () => A): Map<string, Method<A>['run']> {
  const line: object[] = [];
  let prototype = Class.prototype as object | null;
  for (; prototype !== null && prototype !== Actor.prototype; prototype = Object.getPrototypeOf(prototype) as object | null) {
    line.unshift(prototype);
  }
  if (prototype === null) throw new TypeError(`${Class.name} does not extend Actor`);
  const methods = new Map<string, Method<A>['run']>();
  for (const [name, { value }] of line.flatMap((owner) => Object.entries(Object.getOwnPropertyDescriptors(owner)))) {
    if (typeof value === 'function' && METHOD_NAME.test(name) && !RESERVED.has(name)) {
      methods.set(name, value as Method<A>['run']);
    }
  }
  return methods;
}
