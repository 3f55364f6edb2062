/**
 * A message's body as the argument of a method.
 *
 * A method that is declared gets its named arguments in one object, each checked. They may come by
 * name or by position, and a single one also as the bare value. A method that is not declared gets
 * the body as it is.
 */

import { Mismatch, type Check } from './check.js';
import { Failure } from './failure.js';
import type { Payload } from './payload.js';

/** Declares a method that takes the `Payload` as it came. */
export const raw: unique symbol = Symbol.for('greenroom.raw');

/** What is declared of a method: its arguments by name, or that it is raw. */
export type Declaration = typeof raw | Readonly<Record<string, Check<unknown>>>;

/** Reads the argument of one method. */
export type Reader = (payload: Payload) => unknown;

/** The reader of a method that is declared so. */
export function declared(declaration: Declaration): Reader {
  if (declaration === raw) return (payload) => payload;
  const checks = Object.entries(declaration);
  if (checks.length === 0) return () => undefined;
  return (payload) => {
    const given = match(payload.json(), checks);
    return Object.fromEntries(checks.map(([name, check]) => [name, checked(name, check, given.get(name))]));
  };
}

/** The reader of a method that is not declared. */
export function undeclared(method: Function): Reader {
  return hasNoParameters(method) ? () => undefined : (payload) => payload.json();
}

/** `length` does not count a parameter that has a default; the source does. */
function hasNoParameters(method: Function): boolean {
  return method.length === 0 && /^[^(]*\(\s*\)/.test(Function.prototype.toString.call(method));
}

function match(body: unknown, checks: [string, Check<unknown>][]): Map<string, unknown> {
  if (body === undefined) return new Map();
  const [only] = checks;
  if (checks.length === 1 && only !== undefined) return matchOne(body, ...only);
  const names = checks.map(([name]) => name);
  if (Array.isArray(body)) {
    if (body.length <= names.length) return new Map(body.map((value, position) => [names[position]!, value]));
    throw Failure.invalidArgument(`${body.length} arguments are too many; there are ${names.join(', ')}`);
  }
  if (!isObject(body)) {
    throw Failure.invalidArgument(`expected an object or an array of the arguments ${names.join(', ')}`);
  }
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown === undefined) return new Map(Object.entries(body));
  throw Failure.invalidArgument(`unknown argument \`${unknown}\`; there are ${names.join(', ')}`);
}

/** The bare value or the argument by its name; `{}` where it may be left out. */
function matchOne(body: unknown, name: string, check: Check<unknown>): Map<string, unknown> {
  const members = isObject(body) ? Object.entries(body) : undefined;
  const isByName = members?.length === 1 && members[0]?.[0] === name;
  const isLeftOut = members?.length === 0 && accepts(check, undefined);
  return new Map(members !== undefined && (isByName || isLeftOut) ? members : [[name, body]]);
}

function accepts(check: Check<unknown>, value: unknown): boolean {
  try {
    check(value, '');
    return true;
  } catch {
    return false;
  }
}

function checked(name: string, check: Check<unknown>, value: unknown): unknown {
  try {
    return check(value, '');
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const place = `argument \`${name}${error.path}\``;
    const separator = error.message === 'is missing' ? ' ' : ': ';
    throw Failure.invalidArgument(place + separator + error.message);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
