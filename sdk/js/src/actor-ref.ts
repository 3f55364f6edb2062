/** Another actor, as this one speaks to it. */

import type { MethodName } from './actor.js';
import { Address } from './address.js';
import { payloadOf, wholeMs } from './alarms.js';
import { CallError } from './call-error.js';
import { Refused, type HostApi } from './host.js';
import { Payload } from './payload.js';

/** An actor whose methods are not known here. */
export interface AnyActor {
  [method: string]: (body?: any) => any;
}

/** The body that a method takes; none if it takes none. */
export type Body<A, M extends keyof A> = A[M] extends (...body: infer B) => unknown ? B : never;

/** The reply that a method gives. */
export type Reply<A, M extends keyof A> = A[M] extends (...body: never[]) => infer R ? R : never;

/**
 * Another actor, made by `ctx.actor`. There is always one at any address. With the class of the
 * other actor, `ctx.actor<Task>('task', id)`, methods, bodies and replies have their types.
 */
export class ActorRef<A = AnyActor> {
  /** Where it is. */
  readonly address: Address;
  readonly #host: HostApi;

  constructor(host: HostApi, address: Address) {
    this.#host = host;
    this.address = address;
  }

  /**
   * Asks, and waits for the reply. The callee's turn commits on its own, whatever becomes of this
   * one. Throws a `CallError`, which says what went wrong; only after `timeout` and `invalid-reply`
   * the callee may have done what was asked.
   */
  call<M extends MethodName<A>>(method: M, ...body: Body<A, M>): Reply<A, M> {
    const reply = this.callRaw(method, payloadOf(body[0]));
    try {
      return reply.json() as Reply<A, M>;
    } catch (error) {
      throw new CallError(this.address, method, { kind: 'invalid-reply', detail: (error as Error).message });
    }
  }

  /** Like `call`, with bytes instead of JSON. */
  callRaw(method: string, payload: Payload): Payload {
    try {
      return this.#host.call(this.address, method, payload);
    } catch (error) {
      if (error instanceof Refused) throw new CallError(this.address, method, error.refusal);
      throw error;
    }
  }

  /**
   * Tells: once this turn has succeeded, the message is delivered and processed exactly once.
   * Messages to one actor arrive in the order they were sent. Throws `resource-exhausted` when a
   * limit of the host is passed.
   */
  send<M extends MethodName<A>>(method: M, ...body: Body<A, M>): void {
    this.sendAfter(0, method, ...body);
  }

  /** Like `send`, delivered no sooner than `delayMs` milliseconds from now. */
  sendAfter<M extends MethodName<A>>(delayMs: number, method: M, ...body: Body<A, M>): void {
    this.#host.send(this.address, method, payloadOf(body[0]), wholeMs('delayMs', delayMs));
  }

  toString(): string {
    return this.address.toString();
  }
}
