/** The world around an actor under test: what is stored, what is scheduled, what was sent and said. */

import type { Address } from '../address.js';
import type { Reminder } from '../alarms.js';
import { Failure } from '../failure.js';
import { Refused, type ExactSchedule, type HostApi, type Level } from '../host.js';
import { Origin } from '../message.js';
import type { Payload } from '../payload.js';
import { encodeText } from '../text.js';

/** The host's limits that an actor is likely to meet, as they are by default. */
const STATE_KEY_BYTES = 1_024;
const STATE_VALUE_BYTES = 1_048_576;
const SENDS_PER_TURN = 1_000;
const ALARMS = 1_000;
const PERIOD_MIN_MS = 10;
const RANDOM_BYTES = 4_096;

/** A message that the actor has sent, in a turn that succeeded. */
export interface Sent {
  readonly to: Address;
  readonly method: string;
  readonly payload: Payload;
  /** How long after it was sent it is delivered. */
  readonly delayMs: number;
}

/** A reminder or a timer. */
interface Alarm {
  readonly schedule: ExactSchedule;
  readonly method: string;
  readonly payload: Payload;
  readonly dueMs: number;
  readonly fired: number;
}

/** The next thing that is due. */
export interface Due {
  readonly dueMs: number;
  readonly origin: Origin;
  readonly method: string;
  readonly payload: Payload;
}

/** What a turn changes: put back as it was when the turn fails. Only its maps and lists change. */
class Effects {
  state = new Map<string, Uint8Array>();
  reminders = new Map<string, Alarm>();
  timers = new Map<string, Alarm>();
  sent: Sent[] = [];
  /** Sent to itself and not yet delivered. */
  mail: Due[] = [];

  copy(): Effects {
    const copy = new Effects();
    copy.state = new Map(this.state);
    copy.reminders = new Map(this.reminders);
    copy.timers = new Map(this.timers);
    copy.sent = [...this.sent];
    copy.mail = [...this.mail];
    return copy;
  }
}

/** Everything outside the actor's memory. */
export class World implements HostApi {
  effects = new Effects();
  readonly logs: { readonly level: Level; readonly message: string }[] = [];
  respond: (to: Address, method: string, payload: Payload) => Payload = () => {
    throw new Refused({ kind: 'unknown-actor-type', detail: '' });
  };
  readonly #me: Address;
  #now: number;
  #sentInTurn = 0;
  #random = 0n;

  constructor(me: Address, nowMs: number) {
    this.#me = me;
    this.#now = nowMs;
  }

  /** Runs one turn: all of its effects, or none. */
  turn<T>(run: () => T): T {
    const before = this.effects.copy();
    this.#sentInTurn = 0;
    try {
      return run();
    } catch (error) {
      this.effects = before;
      throw error;
    }
  }

  moveTo(nowMs: number): void {
    this.#now = nowMs;
  }

  /** Takes the first thing that is due by `untilMs`; of a repeating alarm, one firing. */
  takeDue(untilMs: number): Due | undefined {
    const { mail, reminders, timers } = this.effects;
    const candidates = [
      ...mail.map((due) => ({ due, take: () => void mail.splice(mail.indexOf(due), 1) })),
      ...firings(reminders, (name) => Origin.reminder(name)),
      ...firings(timers, (name) => Origin.timer(name)),
    ];
    const first = candidates.reduce<(typeof candidates)[number] | undefined>(
      (earliest, candidate) => (earliest === undefined || candidate.due.dueMs < earliest.due.dueMs ? candidate : earliest),
      undefined,
    );
    if (first === undefined || first.due.dueMs > untilMs) return undefined;
    first.take();
    return first.due;
  }

  list(alarms: ReadonlyMap<string, Alarm>): Reminder[] {
    const view = ([name, { method, dueMs, schedule }]: [string, Alarm]): Reminder => {
      return { name, method, dueInMs: Math.max(0, dueMs - this.#now), schedule };
    };
    return [...alarms].sort(([a], [b]) => (a < b ? -1 : 1)).map(view);
  }

  stateGet(key: string): Uint8Array | undefined {
    return this.effects.state.get(key)?.slice();
  }

  stateSet(key: string, value: Uint8Array): void {
    if (encodeText(key).length > STATE_KEY_BYTES) throw exceeded(`state_key_bytes of ${STATE_KEY_BYTES} is exceeded`);
    if (value.length > STATE_VALUE_BYTES) throw exceeded(`state_value_bytes of ${STATE_VALUE_BYTES} is exceeded`);
    this.effects.state.set(key, value.slice());
  }

  stateDelete(key: string): boolean {
    return this.effects.state.delete(key);
  }

  stateKeys(prefix: string, after: string | undefined, limit: number): string[] {
    const keys = [...this.effects.state.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
    return keys.filter((key) => after === undefined || byBytes(key, after) > 0).slice(0, limit);
  }

  call(to: Address, method: string, payload: Payload): Payload {
    if (String(to) === String(this.#me)) throw new Refused({ kind: 'deadlock', detail: `${to} → ${to}` });
    return this.respond(to, method, payload);
  }

  send(to: Address, method: string, payload: Payload, delayMs: number): void {
    this.#sentInTurn += 1;
    if (this.#sentInTurn > SENDS_PER_TURN) throw exceeded(`sends_per_turn of ${SENDS_PER_TURN} is exceeded`);
    this.effects.sent.push({ to, method, payload, delayMs });
    if (String(to) === String(this.#me)) {
      const origin = Origin.actor(to.actorType, to.id);
      this.effects.mail.push({ dueMs: this.#now + delayMs, origin, method, payload });
    }
  }

  setReminder(name: string, schedule: ExactSchedule, method: string, payload: Payload): void {
    this.#set(this.effects.reminders, name, schedule, method, payload);
  }

  cancelReminder(name: string): boolean {
    return this.effects.reminders.delete(name);
  }

  listReminders(): Reminder[] {
    return this.list(this.effects.reminders);
  }

  setTimer(name: string, schedule: ExactSchedule, method: string, payload: Payload): void {
    this.#set(this.effects.timers, name, schedule, method, payload);
  }

  cancelTimer(name: string): boolean {
    return this.effects.timers.delete(name);
  }

  nowMs(): number {
    return this.#now;
  }

  /** Splitmix64: looks random, and is the same in every run. */
  random(length: number): Uint8Array {
    return Uint8Array.from({ length: Math.min(length, RANDOM_BYTES) }, () => {
      this.#random = BigInt.asUintN(64, this.#random + 0x9e3779b97f4a7c15n);
      const mixed = BigInt.asUintN(64, (this.#random ^ (this.#random >> 30n)) * 0xbf58476d1ce4e5b9n);
      return Number(mixed >> 56n);
    });
  }

  log(level: Level, message: string): void {
    this.logs.push({ level, message });
  }

  #set(alarms: Map<string, Alarm>, name: string, schedule: ExactSchedule, method: string, payload: Payload): void {
    const problem = problemOf(schedule);
    if (problem !== undefined) throw exceeded(`invalid schedule: ${problem}`);
    if (alarms.size >= ALARMS && !alarms.has(name)) throw exceeded(`more than ${ALARMS} reminders or timers of one actor`);
    alarms.set(name, { schedule, method, payload, dueMs: this.#now + schedule.delayMs, fired: 0 });
  }
}

function* firings(alarms: Map<string, Alarm>, origin: (name: string) => Origin): Iterable<{ due: Due; take: () => void }> {
  for (const [name, alarm] of alarms) {
    const { dueMs, method, payload, schedule } = alarm;
    const take = (): void => {
      const fired = alarm.fired + 1;
      alarms.delete(name);
      if (schedule.periodMs !== undefined && fired < (schedule.repetitions ?? Infinity)) {
        alarms.set(name, { ...alarm, dueMs: dueMs + schedule.periodMs, fired });
      }
    };
    yield { due: { dueMs, origin: origin(name), method, payload }, take };
  }
}

function problemOf({ periodMs, repetitions }: ExactSchedule): string | undefined {
  if (periodMs !== undefined && periodMs < PERIOD_MIN_MS) {
    return `the period is ${periodMs} ms, shorter than ${PERIOD_MIN_MS} ms`;
  }
  if (repetitions === 0) return 'repetitions must be at least 1';
  if (periodMs === undefined && repetitions !== undefined && repetitions > 1) return `${repetitions} repetitions need a period`;
  return undefined;
}

/** Keys come in the order of their bytes, which is not quite that of JavaScript's strings. */
function byBytes(a: string, b: string): number {
  const [left, right] = [encodeText(a), encodeText(b)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    if (left[at] !== right[at]) return left[at]! - right[at]!;
  }
  return left.length - right.length;
}

function exceeded(limit: string): Failure {
  return Failure.resourceExhausted(limit);
}
