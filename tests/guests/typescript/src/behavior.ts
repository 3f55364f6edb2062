/**
 * The conformance guest against the WIT alone, as a `behavior`: made with the ecosystem's own tools (tsc,
 * esbuild, componentize-qjs), and nothing of Greenroom's SDK. `tests/guests/README.md` says what it does.
 */

import type { Message, Payload } from 'greenroom:actor/types@0.1.0';

import * as lifecycle from './lifecycle.js';
import { failure, textPayload } from './replies.js';
import { run } from './script.js';
import { decode } from './text.js';

/** What the component exports. */
export const behavior = {
  activate: lifecycle.activate,

  receive(message: Message): Payload {
    switch (message.method) {
      case 'echo':
        return message.payload;
      case 'increment':
        return textPayload(String(lifecycle.addOne('n')));
      case 'run':
        return textPayload(run(decode(message.payload.body), message));
      default:
        throw failure('unimplemented', `there is no method ${message.method}`);
    }
  },

  deactivate: lifecycle.deactivate,
};
