/** The parts of `wit/actor.wit` that this guest uses, as componentize-qjs spells them. */

declare module 'greenroom:actor/types@0.1.0' {
  export interface Address {
    actorType: string;
    id: string;
  }
  export interface Payload {
    contentType: string;
    body: Uint8Array;
  }
  export interface Message {
    id: string;
    method: string;
    payload: Payload;
    origin: { tag: 'client' } | { tag: 'actor'; val: Address } | { tag: 'reminder' | 'timer'; val: string };
    attempt: number;
  }
  export type ErrorCode =
    | 'invalid-argument'
    | 'permission-denied'
    | 'not-found'
    | 'conflict'
    | 'failed-precondition'
    | 'resource-exhausted'
    | 'internal'
    | 'unimplemented';
  export interface Failure {
    code: ErrorCode;
    message: string;
  }
  export type CallError =
    | { tag: 'failed'; val: Failure }
    | { tag: 'deadlock' | 'crashed' | 'unavailable'; val: string }
    | { tag: 'unknown-actor-type' | 'overloaded' | 'timeout' };
}

declare module 'greenroom:actor/state@0.1.0' {
  export function get(key: string): Uint8Array | null;
  export function set(key: string, value: Uint8Array): void;
  function remove(key: string): boolean;
  export { remove as delete };
  export function keys(prefix: string, after: string | null, limit: number): string[];
}

declare module 'greenroom:actor/messaging@0.1.0' {
  import type { Address, Payload } from 'greenroom:actor/types@0.1.0';
  export function call(to: Address, method: string, payload: Payload): Payload;
  export function send(to: Address, method: string, payload: Payload, delayMs: number): void;
}

declare module 'greenroom:actor/reminders@0.1.0' {
  import type { Payload } from 'greenroom:actor/types@0.1.0';
  export interface Schedule {
    delayMs: number;
    periodMs: number | null;
    repetitions: number | null;
  }
  export interface Reminder {
    name: string;
    method: string;
    dueInMs: number;
    schedule: Schedule;
  }
  export function set(name: string, schedule: Schedule, method: string, payload: Payload): void;
  export function cancel(name: string): boolean;
  export function list(): Reminder[];
}

declare module 'greenroom:actor/timers@0.1.0' {
  import type { Payload } from 'greenroom:actor/types@0.1.0';
  import type { Schedule } from 'greenroom:actor/reminders@0.1.0';
  export function set(name: string, schedule: Schedule, method: string, payload: Payload): void;
  export function cancel(name: string): boolean;
}

declare module 'greenroom:actor/context@0.1.0' {
  export function nowMs(): number;
  export function random(len: number): Uint8Array;
}

declare module 'greenroom:actor/log@0.1.0' {
  export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';
  export function write(level: Level, message: string): void;
}
