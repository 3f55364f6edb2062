/**
 * Write Greenroom actors in TypeScript or JavaScript.
 *
 * An actor is a class whose `state` is durable and whose public methods can be called by their
 * address, `task/task-123`, from anywhere: over HTTP, or from another actor.
 */

export { Actor, actor, type ActorType, type Declarations, type MethodName } from './actor.js';
export { ActorRef, type AnyActor } from './actor-ref.js';
export { Address } from './address.js';
export { Reminders, Timers, type Reminder, type Schedule } from './alarms.js';
export { CallError, type CallErrorKind } from './call-error.js';
export { is, type Check, type Checked, type StandardSchema } from './check.js';
export { Context } from './context.js';
export { Failure, type ErrorCode } from './failure.js';
export type { ExactSchedule, Level } from './host.js';
export { Origin, type Message } from './message.js';
export { raw } from './parameters.js';
export { Payload } from './payload.js';
export { KeyedState } from './state.js';
