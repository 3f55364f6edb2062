/** Messages that an actor schedules to itself: reminders, which are durable, and timers, which are not. */

import { Failure } from './failure.js';
import type { ExactSchedule, HostApi } from './host.js';
import { Payload } from './payload.js';

/**
 * When a reminder or a timer fires, counted from the moment it is set.
 *
 * ```ts
 * { delayMs: 60_000 }                    // in a minute
 * { periodMs: 60_000 }                   // in a minute, and every minute after
 * { periodMs: 60_000, repetitions: 3 }   // three times in all
 * { delayMs: 0, periodMs: 60_000 }       // now, and every minute after
 * ```
 *
 * The host refuses a period shorter than 10 ms, and no firings at all.
 */
export interface Schedule {
  /** The first firing, in milliseconds; without it, one period. */
  readonly delayMs?: number | undefined;
  /** The time between firings, in milliseconds, if there is more than one. */
  readonly periodMs?: number | undefined;
  /** Firings in all; without it, endless with a period and one without. */
  readonly repetitions?: number | undefined;
}

/** A reminder or a timer that is set. */
export interface Reminder {
  readonly name: string;
  /** The method it calls. */
  readonly method: string;
  /** Milliseconds until it fires next; 0 when it is due. */
  readonly dueInMs: number;
  /** The schedule it was set with. */
  readonly schedule: ExactSchedule;
}

/** This actor's reminders, `ctx.reminders`: they survive restarts, and wake a dormant actor. */
export class Reminders {
  readonly #host: HostApi;

  constructor(host: HostApi) {
    this.#host = host;
  }

  /**
   * Calls this actor's `method` with `body` on that schedule. Replaces a reminder of the same name.
   * Throws `resource-exhausted` when a limit of the host is passed, the shortest period included.
   */
  set(name: string, schedule: Schedule, method: string, body?: unknown): void {
    this.#host.setReminder(name, exact(schedule), method, payloadOf(body));
  }

  /** Removes a reminder; says whether there was one. */
  cancel(name: string): boolean {
    return this.#host.cancelReminder(name);
  }

  /** The reminders that are set. */
  list(): Reminder[] {
    return this.#host.listReminders();
  }
}

/**
 * This actor's timers, `ctx.timers`: like reminders, but in memory only. They cost no write, and are
 * gone when the actor is deactivated.
 */
export class Timers {
  readonly #host: HostApi;

  constructor(host: HostApi) {
    this.#host = host;
  }

  /** Calls this actor's `method` with `body` on that schedule. Replaces a timer of the same name. */
  set(name: string, schedule: Schedule, method: string, body?: unknown): void {
    this.#host.setTimer(name, exact(schedule), method, payloadOf(body));
  }

  /** Removes a timer; says whether there was one. */
  cancel(name: string): boolean {
    return this.#host.cancelTimer(name);
  }
}

/** A payload as it is, bytes as bytes, anything else as JSON. */
export function payloadOf(body: unknown): Payload {
  if (body instanceof Payload) return body;
  return body instanceof Uint8Array ? new Payload('application/octet-stream', body) : Payload.json(body);
}

/** Whole milliseconds, rounded up, so that nothing happens too early. */
export function wholeMs(name: string, milliseconds: number): number {
  const whole = Math.ceil(milliseconds);
  if (Number.isSafeInteger(whole) && whole >= 0) return whole;
  throw Failure.internal(`${name}: ${milliseconds} is no number of milliseconds`);
}

function exact({ delayMs, periodMs, repetitions }: Schedule): ExactSchedule {
  const delay = delayMs ?? periodMs;
  if (delay === undefined) throw Failure.internal('a schedule has delayMs, periodMs or both');
  if (repetitions !== undefined && !(Number.isInteger(repetitions) && repetitions >= 0 && repetitions < 2 ** 32)) {
    throw Failure.internal(`repetitions: ${repetitions} is no number of firings`);
  }
  return {
    delayMs: wholeMs('delayMs', delay),
    periodMs: periodMs === undefined ? undefined : wholeMs('periodMs', periodMs),
    repetitions,
  };
}
