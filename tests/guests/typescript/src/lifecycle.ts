/** What happens around messages, and what this instance remembers between them. */

import * as state from 'greenroom:actor/state@0.1.0';
import type { Address } from 'greenroom:actor/types@0.1.0';

import { failure } from './replies.js';
import { decode, encode } from './text.js';

/** Gone with the sandbox. */
export const memory = { me: { actorType: '', id: '' } as Address, remembered: '' };

export function activate(me: Address): void {
  if (me.id.startsWith('fail-activate-') && state.get('healed') === null) {
    throw failure('failed-precondition', 'asked not to activate');
  }
  if (me.id.startsWith('counted-')) addOne('activations');
  memory.me = me;
}

export function deactivate(): void {
  if (memory.me.id.startsWith('counted-')) addOne('deactivations');
}

/** Adds one to the number under that key. */
export function addOne(key: string): number {
  const stored = state.get(key);
  const next = (stored === null ? 0 : Number(decode(stored))) + 1;
  state.set(key, encode(String(next)));
  return next;
}
