/** One actor under test: its messages, its clock, and what it left in the world. */

import { Activation } from '../activation.js';
import type { Actor, ActorType, MethodName } from '../actor.js';
import type { Body, Reply } from '../actor-ref.js';
import { Address } from '../address.js';
import { payloadOf, type Reminder } from '../alarms.js';
import type { CallErrorKind } from '../call-error.js';
import { Failure } from '../failure.js';
import { installGlobals } from '../globals.js';
import { Refused, type Level } from '../host.js';
import { Origin } from '../message.js';
import { Payload } from '../payload.js';
import { readJson } from '../state.js';
import { encodeText } from '../text.js';
import { World, type Sent } from './world.js';

/** When every test begins: 2026-01-01, midnight UTC. */
const BEGIN_MS = 1_767_225_600_000;

/** A firing of a reminder or a timer, or a message to itself, that `advance` delivered. */
export interface Delivered {
  /** The reminder, the timer, or the actor itself. */
  readonly origin: Origin;
  readonly method: string;
  /** What the actor failed with, if it did. */
  readonly failure: Failure | undefined;
  /** The reply, as JSON. */
  readonly reply: unknown;
}

/**
 * A host for one actor.
 *
 * It keeps what the real one promises: one message at a time, and each turn takes effect as a whole
 * or not at all. Its clock stands still until the test moves it, and nothing in it is random, so a
 * test that passes once passes always; `Date`, `Math.random`, `crypto` and `console` follow it while
 * the actor runs. Bodies and replies go through JSON, as they do on their way to a real actor.
 */
export class TestHost<A extends Actor = Actor> {
  /** The actor's address. */
  readonly me: Address;
  readonly #world: World;
  readonly #activation: Activation<A>;
  #messages = 0;

  /** The actor `id` of a type called like the class, in lower case, or as it is given. */
  constructor(type: ActorType<A>, id: string, actorType = type.name.toLowerCase()) {
    this.me = new Address(actorType, id);
    this.#world = new World(this.me, BEGIN_MS);
    this.#activation = new Activation(type, this.#world, this.me);
  }

  /** Calls a method as a client would. Throws the `Failure` it fails with. */
  call<M extends MethodName<A>>(method: M, ...body: Body<A, M>): Reply<A, M> {
    return this.callFrom(Origin.client, method, body[0]) as Reply<A, M>;
  }

  /** Calls a method as somebody else would, and with any body. */
  callFrom(origin: Origin, method: string, body?: unknown): unknown {
    return this.callRaw(origin, method, payloadOf(body)).json();
  }

  /** Calls a method with bytes, for bytes. */
  callRaw(origin: Origin, method: string, payload: Payload): Payload {
    if (!this.#activation.isLoaded) this.#activate();
    this.#messages += 1;
    const message = { id: `message-${this.#messages}`, method, origin, attempt: 1 };
    return this.#turn(() => this.#activation.receive(message, payload));
  }

  /**
   * Answers the calls that the actor makes: with a payload, with anything else as JSON, or with the
   * failure it throws. Without it nothing is deployed but the actor.
   */
  onCall(respond: (to: Address, method: string, body: unknown) => unknown): void {
    this.#world.respond = (to, method, payload) => {
      try {
        return payloadOf(respond(to, method, payload.json()));
      } catch (error) {
        if (error instanceof Refused) throw error;
        const { code, message } = Failure.from(error);
        throw new Refused({ kind: 'failed', detail: message, code });
      }
    };
  }

  /** To be thrown in `onCall`: the call brings no reply. */
  static refused(kind: Exclude<CallErrorKind, 'failed' | 'invalid-reply'>, detail = ''): Error {
    return new Refused({ kind, detail });
  }

  /**
   * Moves the clock, and delivers on the way what becomes due, in its order: reminders, timers, and
   * messages that the actor sent itself. `advance(0)` delivers what is due already.
   *
   * A firing whose turn fails is reported, and not tried again; the real host would.
   */
  advance(milliseconds: number): Delivered[] {
    const until = this.now + milliseconds;
    const delivered: Delivered[] = [];
    for (let due = this.#world.takeDue(until); due !== undefined; due = this.#world.takeDue(until)) {
      const { origin, method, payload } = due;
      this.#world.moveTo(Math.max(due.dueMs, this.now));
      try {
        const reply = this.callRaw(origin, method, payload);
        delivered.push({ origin, method, failure: undefined, reply: reply.json() });
      } catch (error) {
        delivered.push({ origin, method, failure: Failure.from(error), reply: undefined });
      }
    }
    this.#world.moveTo(until);
    return delivered;
  }

  /** Deactivates the actor, as when it was idle, and activates it from what is stored. Timers are gone. */
  restart(): void {
    try {
      this.#turn(() => this.#activation.deactivate());
    } finally {
      this.crash();
    }
    this.#activate();
  }

  /** Drops the actor from memory, as when the host was killed. Its next message activates it. */
  crash(): void {
    this.#activation.discard();
    this.#world.effects.timers.clear();
  }

  /** The time, in milliseconds since the Unix epoch. */
  get now(): number {
    return this.#world.nowMs();
  }

  /** All messages that the actor has sent since the last `takeSent`, those to itself included. */
  get sent(): readonly Sent[] {
    return this.#world.effects.sent;
  }

  /** Like `sent`, and begins anew. */
  takeSent(): readonly Sent[] {
    return this.#world.effects.sent.splice(0);
  }

  /** The reminders that are set, by name. */
  get reminders(): Reminder[] {
    return this.#world.list(this.#world.effects.reminders);
  }

  /** The timers that are set, by name. */
  get timers(): Reminder[] {
    return this.#world.list(this.#world.effects.timers);
  }

  /** What the actor has said, failed turns included. */
  get logs(): readonly { readonly level: Level; readonly message: string }[] {
    return this.#world.logs;
  }

  /** What is stored under `key`, as JSON; the actor's state object is under `actor`. */
  stored(key: string): unknown {
    const bytes = this.storedBytes(key);
    return bytes === undefined ? undefined : readJson(key, bytes);
  }

  /** The bytes that are stored under `key`. */
  storedBytes(key: string): Uint8Array | undefined {
    return this.#world.stateGet(key);
  }

  /** All keys that something is stored under. */
  get storedKeys(): string[] {
    return this.#world.stateKeys('', undefined, Infinity);
  }

  /**
   * Puts bytes or text under `key` behind the actor's back and drops it from memory: what an earlier
   * version of it may have stored.
   */
  store(key: string, value: Uint8Array | string): void {
    this.crash();
    this.#world.effects.state.set(key, typeof value === 'string' ? encodeText(value) : value.slice());
  }

  #activate(): void {
    this.#turn(() => this.#activation.activate());
  }

  #turn<T>(run: () => T): T {
    const putBack = installGlobals(this.#world);
    try {
      return this.#world.turn(run);
    } catch (error) {
      throw Failure.from(error);
    } finally {
      putBack();
    }
  }
}
