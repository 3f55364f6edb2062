/** The conformance guest, in TypeScript with the SDK: `tests/guests/README.md` says what it does. */

import { Actor, Failure, Payload, actor, raw } from '@greenroom/sdk';

import { perform } from './script.js';

export class Conformance extends Actor {
  state = {};
  /** Kept in memory only. */
  remembered = '';

  override activate(): void {
    const { id } = this.ctx.me;
    if (id.startsWith('fail-activate-') && this.ctx.state.getBytes('healed') === undefined) {
      throw Failure.failedPrecondition('asked not to activate');
    }
    if (id.startsWith('counted-')) this.#addOne('activations');
  }

  override deactivate(): void {
    if (this.ctx.me.id.startsWith('counted-')) this.#addOne('deactivations');
  }

  /** Replies with the payload as it came. */
  echo(payload: Payload): Payload {
    return payload;
  }

  /** Adds one to a durable number. */
  increment(): Payload {
    return Payload.text(String(this.#addOne('n')));
  }

  /** Does what the script says. */
  run(payload: Payload): Payload {
    const lines = payload.text().replace(/\n$/, '').split('\n');
    return Payload.text(lines.map((line) => perform(line, this, payload)).join('\n'));
  }

  #addOne(key: string): number {
    const next = (this.ctx.state.get<number>(key) ?? 0) + 1;
    this.ctx.state.set(key, next);
    return next;
  }
}

export default actor(Conformance, { echo: raw, run: raw });
