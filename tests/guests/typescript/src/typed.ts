/**
 * The conformance guest against the WIT alone, as typed methods: functions of an interface of its own, and
 * nothing of Greenroom's SDK. `tests/guests/README.md` says what it does.
 */

import * as around from './lifecycle.js';
import * as script from './script.js';

interface Order {
  item: string;
  pieces: number;
  speed: 'normal' | 'fast';
  note: string | null;
}

const PIECES_MAX = 100;

/** What happens around methods. */
export const lifecycle = { activate: around.activate, deactivate: around.deactivate };

/** The methods. What is thrown is the error of the function's result. */
export const conformance = {
  echo: (data: Uint8Array): Uint8Array => data,

  increment: (): number => around.addOne('n'),

  run: (text: string): string => script.run(text, undefined),

  place(order: Order): Order {
    if (order.pieces === 0) throw { tag: 'nothing' };
    if (order.pieces > PIECES_MAX) throw { tag: 'too-many', val: PIECES_MAX };
    return order;
  },
};
