/** The contract's imports as the component builders spell them. */

declare module 'greenroom:actor/types@0.1.0' {
  export interface Address {
    actorType: string;
    id: string;
  }
  export interface Payload {
    contentType: string;
    body: Uint8Array;
  }
  export type Origin =
    | { tag: 'client' }
    | { tag: 'actor'; val: Address }
    | { tag: 'reminder'; val: string }
    | { tag: 'timer'; val: string };
  export interface Message {
    id: string;
    method: string;
    payload: Payload;
    origin: Origin;
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
    | { tag: 'unknown-actor-type' | 'overloaded' | 'timeout' }
    | { tag: 'deadlock' | 'crashed' | 'unavailable'; val: string };
  /** Exact numbers: one engine gives numbers, the other big integers. Both take whole numbers. */
  export type U64 = number | bigint;
  /** One engine says null, the other undefined. */
  export type Option<T> = T | null | undefined;
}

declare module 'greenroom:actor/state@0.1.0' {
  import type { Option } from 'greenroom:actor/types@0.1.0';
  export function get(key: string): Option<Uint8Array>;
  export function set(key: string, value: Uint8Array): void;
  function remove(key: string): boolean;
  export { remove as delete };
  export function keys(prefix: string, after: Option<string>, limit: number): string[];
}

declare module 'greenroom:actor/messaging@0.1.0' {
  import type { Address, Payload } from 'greenroom:actor/types@0.1.0';
  export function call(to: Address, method: string, payload: Payload): Payload;
  export function send(to: Address, method: string, payload: Payload, delayMs: number): void;
}

declare module 'greenroom:actor/reminders@0.1.0' {
  import type { Option, Payload, U64 } from 'greenroom:actor/types@0.1.0';
  export interface Schedule {
    delayMs: U64;
    periodMs: Option<U64>;
    repetitions: Option<number>;
  }
  export interface Reminder {
    name: string;
    method: string;
    dueInMs: U64;
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

declare module 'greenroom:actor/log@0.1.0' {
  export function write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error', message: string): void;
}

declare module 'greenroom:actor/context@0.1.0' {
  import type { U64 } from 'greenroom:actor/types@0.1.0';
  export function nowMs(): U64;
  export function random(len: number): Uint8Array;
}
