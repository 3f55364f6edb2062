/** Typed methods, and a `behavior` that hears every other message, in one component. */

import type { Message, Payload } from 'greenroom:actor/types@0.1.0';

import { behavior as untyped } from './behavior.js';
import { textPayload } from './replies.js';
import { decode } from './text.js';

export { conformance } from './typed.js';

export const behavior = {
  ...untyped,

  receive(message: Message): Payload {
    return textPayload(`heard ${message.method}: ${decode(message.payload.body)}`);
  },
};
