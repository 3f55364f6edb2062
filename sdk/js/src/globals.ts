/**
 * The globals that JavaScript code expects and the engines lack, or answer wrongly because a
 * component is a snapshot: its clock stands still, and its random numbers repeat. Time, chance and
 * the console come from the host; the time is the same all through a turn.
 *
 * There are no timers (`setTimeout`) and no `fetch`: nothing runs between turns.
 */

import { wellFormed, decodePortably, encodePortably } from './text.js';
import type { HostApi, Level } from './host.js';

type Source = Pick<HostApi, 'nowMs' | 'random' | 'log'>;

/** A global, or the member of one, and what it is to be. */
interface Replacement {
  readonly owner: object;
  readonly name: string;
  readonly value: unknown;
}

/** Replaces the globals; returns the function that puts them back. */
export function installGlobals(source: Source): () => void {
  const undo = replacements(source).map(({ owner, name, value }) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: before?.enumerable ?? false });
    return () => {
      if (before === undefined) delete (owner as Record<string, unknown>)[name];
      else Object.defineProperty(owner, name, before);
    };
  });
  return () => undo.forEach((putBack) => putBack());
}

/** Adds the text codecs where the engine has none. */
export function addTextCodecs(): void {
  const add = (name: string, value: unknown): void => {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  };
  add('TextEncoder', Utf8Encoder);
  add('TextDecoder', Utf8Decoder);
}

function replacements(source: Source): Replacement[] {
  return [
    { owner: globalThis, name: 'Date', value: dateOf(source) },
    { owner: Math, name: 'random', value: () => fraction(source.random(8)) },
    { owner: globalThis, name: 'performance', value: performanceOf(source) },
    { owner: globalThis, name: 'crypto', value: cryptoOf(source) },
    { owner: globalThis, name: 'console', value: consoleOf(source) },
  ];
}

function dateOf(source: Source): DateConstructor {
  const now = (): number => source.nowMs();
  return new Proxy(Date, {
    construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as Date,
    apply: (target) => new target(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
  });
}

/** 53 random bits as a number from 0 to below 1. */
function fraction(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return ((view.getUint32(0) >>> 5) * 2 ** 26 + (view.getUint32(4) >>> 6)) / 2 ** 53;
}

function performanceOf(source: Source): object {
  return { timeOrigin: 0, now: () => source.nowMs() };
}

function cryptoOf(source: Source): object {
  function getRandomValues<T extends ArrayBufferView>(array: T): T {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < bytes.length; at += 4_096) bytes.set(source.random(Math.min(bytes.length - at, 4_096)), at);
    return array;
  }
  function randomUUID(): string {
    const bytes = source.random(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
  return { getRandomValues, randomUUID };
}

function consoleOf(source: Source): object {
  const at = (level: Level) => (...values: unknown[]): void => source.log(level, wellFormed(values.map(shown).join(' ')));
  const assert = (holds: unknown, ...values: unknown[]): void => {
    if (!holds) at('error')('Assertion failed:', ...values);
  };
  return { log: at('info'), info: at('info'), dir: at('info'), debug: at('debug'), trace: at('trace'), warn: at('warn'), error: at('error'), assert };
}

/** A value as a log line shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return errorShown(value);
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value) ?? String(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return String(value);
}

/** Lines of a stack that are shown: of an endless recursion the first ones say it all. */
const STACK_LINES = 20;

/** Engines differ in whether the stack begins with the message. */
function errorShown(error: Error): string {
  const title = `${error.name}: ${error.message}`;
  const stack = (error.stack ?? '').split('\n').slice(0, STACK_LINES).join('\n').trimEnd();
  if (stack === '') return title;
  return stack.includes(error.message) ? stack : `${title}\n${stack}`;
}

class Utf8Encoder {
  readonly encoding = 'utf-8';

  encode(text = ''): Uint8Array {
    return encodePortably(text);
  }

  encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of text) {
      const bytes = encodePortably(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

class Utf8Decoder {
  readonly encoding = 'utf-8';
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!/^\s*utf-?8\s*$/i.test(label)) throw new RangeError(`there is only utf-8, not ${label}`);
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  decode(input: ArrayBuffer | ArrayBufferView = new Uint8Array(), options: { stream?: boolean } = {}): string {
    if (options.stream === true) throw new RangeError('there is no decoding in parts');
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const text = decodePortably(bytes, this.fatal);
    return !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}
