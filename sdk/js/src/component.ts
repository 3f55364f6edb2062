/**
 * The actor as a component: the contract's exports over an `Activation`. Imported before the actor's
 * own code, so that the globals are in place when that begins.
 */

import type * as contract from 'greenroom:actor/types@0.1.0';

import { Activation } from './activation.js';
import type { Actor, ActorType } from './actor.js';
import { Address } from './address.js';
import { Failure } from './failure.js';
import { addTextCodecs, installGlobals, shown } from './globals.js';
import { imports, payloadIn, payloadOut } from './imports.js';
import { Origin, type Message } from './message.js';
import { wellFormed } from './text.js';

/** Whether the actor lives; before that its code is run once, to be built, and there is no host. */
let live = false;

addTextCodecs();
installGlobals({
  nowMs: () => (live ? imports.nowMs() : absent('time')),
  random: (length) => (live ? imports.random(length) : absent('chance')),
  log: (level, message) => (live ? imports.log(level, message) : undefined),
});

/** What a component exports. */
export interface Behavior {
  activate(me: contract.Address): void;
  receive(message: contract.Message): contract.Payload;
  deactivate(): void;
}

/** The behavior of an actor type. A component is one sandbox, and a sandbox serves one actor. */
export function behaviorOf<A extends Actor>(type: ActorType<A>): Behavior {
  let activation: Activation<A> | undefined;
  return {
    activate(me) {
      live = true;
      activation = new Activation(type, imports, new Address(me.actorType, me.id));
      try {
        activation.activate();
      } catch (error) {
        throw refusal(error);
      }
    },
    receive(message) {
      try {
        if (activation === undefined) throw Failure.internal('a message came before the activation');
        return payloadOut(activation.receive(messageIn(message), payloadIn(message.payload)));
      } catch (error) {
        throw refusal(error);
      }
    },
    deactivate() {
      // The contract has no failure here. What is thrown is a trap, which keeps what was written so
      // far from being committed.
      try {
        activation?.deactivate();
      } catch (error) {
        imports.log('error', wellFormed(`deactivating failed: ${shown(error)}`));
        throw error;
      }
    },
  };
}

/** What a turn threw, as the contract's failure; a fault is also logged, with its stack. */
function refusal(error: unknown): unknown {
  // The host says it better: which limit, and how much.
  if (isOutOfMemory(error)) return error;
  const { code, message, cause } = Failure.from(error);
  if (code === 'internal') imports.log('error', wellFormed(shown(cause instanceof Error ? cause : error)));
  return { code, message: wellFormed(message) } satisfies contract.Failure;
}

/** Whether the engine has no more memory: what it throws then is no failure, and so ends in a trap. */
function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.name === 'InternalError' && error.message === 'out of memory';
}

function messageIn({ id, method, origin, attempt }: contract.Message): Message {
  return { id, method, origin: originIn(origin), attempt };
}

function originIn(origin: contract.Origin): Origin {
  switch (origin.tag) {
    case 'client':
      return Origin.client;
    case 'actor':
      return Origin.actor(origin.val.actorType, origin.val.id);
    case 'reminder':
      return Origin.reminder(origin.val);
    case 'timer':
      return Origin.timer(origin.val);
  }
}

function absent(what: string): never {
  throw new Error(`there is no ${what} while a component is built: ask for it in a method`);
}
