/** What an actor receives, apart from the arguments. */

import { Address } from './address.js';

/** The message of the turn under way. */
export interface Message {
  /** Unique; the same when the message is delivered again. */
  readonly id: string;
  /** What is asked. */
  readonly method: string;
  /** Who asks. */
  readonly origin: Origin;
  /** 1 on the first delivery, one more on each further one. */
  readonly attempt: number;
}

/** Who sent a message. Set by the host, so an actor may trust it. */
export class Origin {
  private constructor(
    /** What kind of sender. */
    readonly kind: 'client' | 'actor' | 'reminder' | 'timer' | 'host',
    /** The actor that sent the message, if one did. */
    readonly actor: Address | undefined,
    /** The name of the reminder or timer, if one did. */
    readonly alarm: string | undefined,
  ) {}

  /** Somebody outside, over HTTP. */
  static readonly client = new Origin('client', undefined, undefined);

  /** The host itself: the actor is being activated or deactivated, and there is no message. */
  static readonly host = new Origin('host', undefined, undefined);

  /** Another actor. */
  static actor(actorType: string, id: string): Origin {
    return new Origin('actor', new Address(actorType, id), undefined);
  }

  /** This actor's own reminder of that name. */
  static reminder(name: string): Origin {
    return new Origin('reminder', undefined, name);
  }

  /** This actor's own timer of that name. */
  static timer(name: string): Origin {
    return new Origin('timer', undefined, name);
  }

  /** Whether this actor's own reminder `name` sent the message. */
  isReminder(name: string): boolean {
    return this.kind === 'reminder' && this.alarm === name;
  }

  /** Whether this actor's own timer `name` sent the message. */
  isTimer(name: string): boolean {
    return this.kind === 'timer' && this.alarm === name;
  }

  toString(): string {
    if (this.actor !== undefined) return this.actor.toString();
    return this.alarm === undefined ? this.kind : `${this.kind} ${this.alarm}`;
  }
}
