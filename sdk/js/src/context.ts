/**
 * The actor's door to the host during one turn: who it is, who asks, what time it is, and everything
 * that it may do besides changing its own state object.
 */

import { ActorRef, type AnyActor } from './actor-ref.js';
import { Address } from './address.js';
import { Reminders, Timers } from './alarms.js';
import type { HostApi, Level } from './host.js';
import { Origin, type Message } from './message.js';
import { KeyedState } from './state.js';
import { wellFormed } from './text.js';

/** Most random bytes that the host gives at once. */
const RANDOM_BYTES_MAX = 4_096;

/**
 * `this.ctx` in an actor.
 *
 * State, reminders, timers and sent messages are part of the turn: they take effect together when
 * the method succeeds, and not at all when it fails. A call is a turn of the callee's own, which
 * stays done even if the caller fails afterwards.
 */
export class Context {
  readonly #host: HostApi;
  /** The message of this turn; `undefined` while the actor is activated or deactivated. */
  readonly message: Message | undefined = undefined;
  /** State under keys of its own, for what is too large to be saved whole after every change. */
  readonly state: KeyedState;
  /** Durable alarms: they survive restarts, and wake a dormant actor. */
  readonly reminders: Reminders;
  /** Alarms in memory only: gone when the actor is deactivated. */
  readonly timers: Timers;

  constructor(
    host: HostApi,
    /** This actor's address. */
    readonly me: Address,
  ) {
    this.#host = host;
    this.state = new KeyedState(host);
    this.reminders = new Reminders(host);
    this.timers = new Timers(host);
  }

  /** Who sent the message of this turn. */
  get origin(): Origin {
    return this.message?.origin ?? Origin.host;
  }

  /** The time, in milliseconds since the Unix epoch; the same all through a turn. */
  get now(): number {
    return this.#host.nowMs();
  }

  /** Another actor, to call or to send to. */
  actor<A = AnyActor>(actorType: string, id: string): ActorRef<A>;
  actor<A = AnyActor>(address: Address): ActorRef<A>;
  actor<A = AnyActor>(where: string | Address, id = ''): ActorRef<A> {
    return new ActorRef<A>(this.#host, typeof where === 'string' ? new Address(where, id) : where);
  }

  /** `length` cryptographically secure random bytes. */
  randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += RANDOM_BYTES_MAX) {
      bytes.set(this.#host.random(Math.min(length - at, RANDOM_BYTES_MAX)), at);
    }
    return bytes;
  }

  /**
   * Says something to the people who run the actor. Said at once: also by a turn that fails. The
   * functions of `console` do the same.
   */
  log(level: Level, message: string): void {
    this.#host.log(level, wellFormed(message));
  }
}
