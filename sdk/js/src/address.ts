/** Where an actor is. An address always exists: there is nothing to create or to look up. */

import { encodeText } from './text.js';

/** Longest actor id, in bytes. */
const ID_BYTES_MAX = 512;

/** The address of an actor: its type and its id. Shown as `type/id`. */
export class Address {
  constructor(
    /** The name that the component was deployed under, for example `task`. */
    readonly actorType: string,
    /** Which actor of that type, for example `task-123`. */
    readonly id: string,
  ) {}

  /**
   * Whether `id` can be an actor's: 1 to 512 bytes without control characters. For ids that come
   * from others, before they are kept.
   */
  static isId(id: string): boolean {
    const bytes = encodeText(id).length;
    return bytes >= 1 && bytes <= ID_BYTES_MAX && !/[\x00-\x1f\x7f-\x9f]/.test(id);
  }

  toString(): string {
    return `${this.actorType}/${this.id}`;
  }
}
