/**
 * What the SDK needs of a host: the contract's imports in the SDK's own types. A component has them
 * from the real host, a test from the `TestHost`.
 */

import type { Address } from './address.js';
import type { Refusal } from './call-error.js';
import type { Payload } from './payload.js';
import type { Reminder } from './alarms.js';

/** How much a log line matters. */
export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** A schedule with nothing left open, in whole milliseconds. */
export interface ExactSchedule {
  readonly delayMs: number;
  readonly periodMs: number | undefined;
  readonly repetitions: number | undefined;
}

/** Thrown by `call` when there is no reply. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.kind);
  }
}

/** The host's functions. One that passes a limit of the host throws the failure `resource-exhausted`. */
export interface HostApi {
  stateGet(key: string): Uint8Array | undefined;
  stateSet(key: string, value: Uint8Array): void;
  stateDelete(key: string): boolean;
  stateKeys(prefix: string, after: string | undefined, limit: number): string[];
  call(to: Address, method: string, payload: Payload): Payload;
  send(to: Address, method: string, payload: Payload, delayMs: number): void;
  setReminder(name: string, schedule: ExactSchedule, method: string, payload: Payload): void;
  cancelReminder(name: string): boolean;
  listReminders(): Reminder[];
  setTimer(name: string, schedule: ExactSchedule, method: string, payload: Payload): void;
  cancelTimer(name: string): boolean;
  nowMs(): number;
  random(length: number): Uint8Array;
  log(level: Level, message: string): void;
}
