/**
 * An actor in memory: loaded from its state, given messages, saved when it changed.
 *
 * Memory never differs from what is stored: an actor whose turn fails is dropped, and loaded again for
 * its next message. The host does the same with the sandbox; a native test has only this.
 */

import type { Actor, ActorType } from './actor.js';
import type { Address } from './address.js';
import { Context } from './context.js';
import { Failure } from './failure.js';
import type { HostApi } from './host.js';
import type { Message } from './message.js';
import { payloadOf } from './alarms.js';
import { writeJson, type Payload } from './payload.js';
import { notJson } from './plain.js';
import { ACTOR_KEY, readJson } from './state.js';
import { encodeText } from './text.js';

interface Loaded<A> {
  readonly actor: A;
  /** The state as it is stored, or as it is by default when nothing is. */
  stored: string | undefined;
}

/** One actor, loaded when it is needed. */
export class Activation<A extends Actor> {
  readonly #type: ActorType<A>;
  readonly #host: HostApi;
  readonly #me: Address;
  /** One for all turns, which come one after the other; only the message differs. */
  readonly #context: Context;
  #loaded: Loaded<A> | undefined;

  constructor(type: ActorType<A>, host: HostApi, me: Address) {
    this.#type = type;
    this.#host = host;
    this.#me = me;
    this.#context = new Context(host, me);
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** Forgets what is in memory. */
  discard(): void {
    this.#loaded = undefined;
  }

  /** Loads the state and runs the actor's `activate`. */
  activate(): void {
    const loaded = this.#load();
    this.#enter(undefined);
    onlyNow(loaded.actor.activate?.());
    this.#saveIfChanged(loaded);
    this.#loaded = loaded;
  }

  /** One message, one turn. */
  receive(message: Message, payload: Payload): Payload {
    if (this.#loaded === undefined) this.activate();
    // Taken out, and put back only when the turn has succeeded.
    const loaded = this.#loaded!;
    this.#loaded = undefined;
    const method = this.#type.methods.get(message.method);
    if (method === undefined) throw this.#unknownMethod(message.method);
    this.#enter(message);
    const reply = payloadOf(onlyNow(method.run.call(loaded.actor, method.read(payload))));
    this.#saveIfChanged(loaded);
    this.#loaded = loaded;
    return reply;
  }

  /** Runs the actor's `deactivate` and leaves memory. */
  deactivate(): void {
    const loaded = this.#loaded;
    if (loaded === undefined) return;
    this.#loaded = undefined;
    this.#enter(undefined);
    onlyNow(loaded.actor.deactivate?.());
    this.#saveIfChanged(loaded);
  }

  #enter(message: Message | undefined): void {
    (this.#context as { message: Message | undefined }).message = message;
  }

  #load(): Loaded<A> {
    const actor = this.#type.create();
    (actor as { ctx: Context }).ctx = this.#context;
    this.#refuseWhatIsNotJson(actor);
    const bytes = this.#host.stateGet(ACTOR_KEY);
    if (bytes !== undefined) {
      const stored = readJson(ACTOR_KEY, bytes);
      if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) {
        throw Failure.internal(`the state of ${this.#me} can't be read as ${this.#type.name}: it is no object`);
      }
      actor.state = { ...actor.state, ...stored };
    }
    return { actor, stored: writeJson(actor.state) };
  }

  #saveIfChanged(loaded: Loaded<A>): void {
    const text = writeJson(loaded.actor.state);
    if (text === loaded.stored) return;
    this.#refuseWhatIsNotJson(loaded.actor);
    this.#host.stateSet(ACTOR_KEY, encodeText(text ?? '{}'));
    loaded.stored = text;
  }

  #refuseWhatIsNotJson(actor: A): void {
    const complaint = actor.state === undefined ? undefined : notJson(actor.state, 'state');
    if (complaint !== undefined) {
      throw Failure.internal(`the state of ${this.#type.name} is not plain JSON: ${complaint}`);
    }
  }

  #unknownMethod(method: string): Failure {
    const methods = [...this.#type.methods.keys()].join(', ') || 'none';
    return Failure.unimplemented(`${this.#type.name} has no method \`${method}\`; it has ${methods}`);
  }
}

/** `value`, which must not be a promise: nothing runs after the turn that could settle it. */
function onlyNow(value: unknown): unknown {
  if (!(value instanceof Promise)) return value;
  value.catch(() => undefined);
  throw Failure.internal('methods are not async: calls simply wait, so there is nothing to await');
}
