/** Bytes with a media type: what messages and replies carry. */

import { Failure } from './failure.js';
import { decodeText, encodeText } from './text.js';

/**
 * What a message or a reply carries. Ordinary methods never see one: their arguments and results
 * are JSON. A method declared `raw` takes one as it came, and any method may return one.
 */
export class Payload {
  constructor(
    /** Media type of `body`, for example `application/json`. */
    readonly contentType: string,
    /** The bytes. */
    readonly body: Uint8Array,
  ) {}

  /** Nothing: no media type and no body. */
  static empty(): Payload {
    return new Payload('', new Uint8Array());
  }

  /** `text` as UTF-8. */
  static text(text: string): Payload {
    return new Payload('text/plain; charset=utf-8', encodeText(text));
  }

  /** `value` as JSON; `undefined` makes an empty payload. */
  static json(value: unknown): Payload {
    const text = writeJson(value);
    return text === undefined ? Payload.empty() : new Payload('application/json', encodeText(text));
  }

  /** The body as text. Throws `invalid-argument` when it is not UTF-8. */
  text(): string {
    try {
      return decodeText(this.body);
    } catch (error) {
      throw Failure.invalidArgument('the body is not UTF-8', { cause: error });
    }
  }

  /**
   * The body read as JSON, whatever the media type says; `undefined` when it is empty. Throws
   * `invalid-argument` when it is not JSON.
   */
  json(): unknown {
    const text = this.text();
    if (text.trim() === '') return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw Failure.invalidArgument(`the body is not JSON: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** `value` as JSON text; `undefined` when there is nothing to write. Throws `internal`. */
export function writeJson(value: unknown): string | undefined {
  if (value instanceof Promise) {
    // Caught by whoever made it, or by nobody: nothing runs after the turn.
    throw Failure.internal('a promise is no value: methods are not async, and calls simply wait');
  }
  try {
    return JSON.stringify(value) as string | undefined;
  } catch (error) {
    throw Failure.internal(`can't be written as JSON: ${(error as Error).message}`, { cause: error });
  }
}
