/** State under keys of its own, beside the actor's `state` object: bytes, or JSON. */

import { Failure } from './failure.js';
import type { HostApi } from './host.js';
import { writeJson } from './payload.js';
import { decodeText, encodeText } from './text.js';

/** The key that the actor's `state` object is kept under. */
export const ACTOR_KEY = 'actor';

/** How many keys are asked for at once. */
const KEYS_PAGE = 1_000;

/**
 * This actor's state under keys of its own, `ctx.state`, for what is large or grows: a turn writes
 * only the keys it sets.
 *
 * Reads see the turn's own writes. The key `actor` belongs to the `state` object: it can't be written
 * here, and `keys` leaves it out.
 */
export class KeyedState {
  readonly #host: HostApi;

  constructor(host: HostApi) {
    this.#host = host;
  }

  /** The value under `key`, read as JSON; `undefined` when there is none. */
  get<T = unknown>(key: string): T | undefined {
    const bytes = this.getBytes(key);
    return bytes === undefined ? undefined : (readJson(key, bytes) as T);
  }

  /** Puts `value` under `key`, as JSON. Throws `resource-exhausted` when a limit is passed. */
  set(key: string, value: unknown): void {
    const text = writeJson(value);
    if (text === undefined) throw Failure.internal(`state \`${key}\`: undefined is no JSON; delete the key instead`);
    this.setBytes(key, encodeText(text));
  }

  /** The bytes under `key`. */
  getBytes(key: string): Uint8Array | undefined {
    return this.#host.stateGet(key);
  }

  /** Puts bytes under `key`. Throws `resource-exhausted` when a limit is passed. */
  setBytes(key: string, value: Uint8Array): void {
    if (key === ACTOR_KEY) throw Failure.internal(`state \`${key}\` belongs to the actor's state object`);
    this.#host.stateSet(key, value);
  }

  /** Removes `key`; says whether it was there. */
  delete(key: string): boolean {
    return key !== ACTOR_KEY && this.#host.stateDelete(key);
  }

  /** All keys that begin with `prefix`, in byte order. */
  keys(prefix = ''): string[] {
    const keys: string[] = [];
    for (;;) {
      const page = this.keysAfter(prefix, keys.at(-1), KEYS_PAGE);
      keys.push(...page);
      if (page.length < KEYS_PAGE) return keys;
    }
  }

  /** The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`. */
  keysAfter(prefix: string, after: string | undefined, limit: number): string[] {
    // One more, in case the object's key is among them.
    const keys = this.#host.stateKeys(prefix, after, limit + 1);
    return keys.filter((key) => key !== ACTOR_KEY).slice(0, limit);
  }
}

/** Stored JSON. Throws `internal`, naming the key. */
export function readJson(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeText(bytes)) as unknown;
  } catch (error) {
    throw Failure.internal(`state \`${key}\` can't be read as JSON: ${(error as Error).message}`, { cause: error });
  }
}
