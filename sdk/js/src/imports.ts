/**
 * The contract's imports as the SDK's `HostApi`: where the contract's types meet the SDK's, and the
 * differences between the engines end.
 */

import * as context from 'greenroom:actor/context@0.1.0';
import * as log from 'greenroom:actor/log@0.1.0';
import * as messaging from 'greenroom:actor/messaging@0.1.0';
import * as reminders from 'greenroom:actor/reminders@0.1.0';
import * as state from 'greenroom:actor/state@0.1.0';
import * as timers from 'greenroom:actor/timers@0.1.0';
import type * as contract from 'greenroom:actor/types@0.1.0';

import type { Address } from './address.js';
import type { Reminder } from './alarms.js';
import type { Refusal } from './call-error.js';
import { Failure } from './failure.js';
import { Refused, type ExactSchedule, type HostApi } from './host.js';
import { Payload } from './payload.js';
import { wellFormed } from './text.js';

/** The host that runs this component. */
export const imports: HostApi = {
  stateGet: (key) => state.get(wellFormed(key)) ?? undefined,
  stateSet(key, value) {
    try {
      state.set(wellFormed(key), value);
    } catch (error) {
      throw limitPassed(error);
    }
  },
  stateDelete: (key) => state.delete(wellFormed(key)),
  stateKeys: (prefix, after, limit) => state.keys(wellFormed(prefix), after === undefined ? undefined : wellFormed(after), limit),
  call(to, method, payload) {
    try {
      return payloadIn(messaging.call(addressOut(to), wellFormed(method), payloadOut(payload)));
    } catch (error) {
      throw new Refused(refusal(errorOf<contract.CallError>(error)));
    }
  },
  send: (to, method, payload, delayMs) =>
    limited(() => messaging.send(addressOut(to), wellFormed(method), payloadOut(payload), delayMs)),
  setReminder: (name, schedule, method, payload) =>
    limited(() => reminders.set(wellFormed(name), schedule, wellFormed(method), payloadOut(payload))),
  cancelReminder: (name) => reminders.cancel(wellFormed(name)),
  listReminders: () => reminders.list().map(reminderIn),
  setTimer: (name, schedule, method, payload) =>
    limited(() => timers.set(wellFormed(name), schedule, wellFormed(method), payloadOut(payload))),
  cancelTimer: (name) => timers.cancel(wellFormed(name)),
  nowMs: () => Number(context.nowMs()),
  random: (length) => context.random(length),
  log: (level, message) => log.write(level, message),
};

export function payloadIn({ contentType, body }: contract.Payload): Payload {
  return new Payload(contentType, body);
}

export function payloadOut(payload: Payload): contract.Payload {
  const contentType = wellFormed(payload.contentType);
  return contentType === payload.contentType ? payload : { contentType, body: payload.body };
}

function addressOut({ actorType, id }: Address): contract.Address {
  return { actorType: wellFormed(actorType), id: wellFormed(id) };
}

function reminderIn({ name, method, dueInMs, schedule }: reminders.Reminder): Reminder {
  const exact: ExactSchedule = {
    delayMs: Number(schedule.delayMs),
    periodMs: schedule.periodMs == null ? undefined : Number(schedule.periodMs),
    repetitions: schedule.repetitions ?? undefined,
  };
  return { name, method, dueInMs: Number(dueInMs), schedule: exact };
}

/** Runs a host function whose only error is a limit that is passed. */
function limited(run: () => void): void {
  try {
    run();
  } catch (error) {
    throw limitPassed(error);
  }
}

function limitPassed(error: unknown): Failure {
  return Failure.resourceExhausted(errorOf<string>(error));
}

function refusal(error: contract.CallError): Refusal {
  switch (error.tag) {
    case 'failed':
      return { kind: 'failed', detail: error.val.message, code: error.val.code };
    case 'deadlock':
    case 'crashed':
    case 'unavailable':
      return { kind: error.tag, detail: error.val };
    default:
      return { kind: error.tag, detail: '' };
  }
}

/**
 * The error value of a host function's result. Anything else that is thrown goes its way. Of one
 * engine the exception is no instance of the `Error` that is seen here.
 */
function errorOf<T>(thrown: unknown): T {
  if (typeof thrown === 'object' && thrown !== null && 'payload' in thrown) return thrown.payload as T;
  throw thrown;
}
