/** Replies and failures in the contract's terms. */

import type { ErrorCode, Failure, Payload } from 'greenroom:actor/types@0.1.0';

import { encode } from './text.js';

export function textPayload(text: string): Payload {
  return { contentType: 'text/plain', body: encode(text) };
}

/** A failure, to throw: what is thrown is the error of a function's result. */
export function failure(code: ErrorCode, message: string): Failure {
  return { code, message };
}
