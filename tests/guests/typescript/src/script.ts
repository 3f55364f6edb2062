/** A script, line by line: what each command does, and its result in words. */

import { nowMs, random } from 'greenroom:actor/context@0.1.0';
import { write, type Level } from 'greenroom:actor/log@0.1.0';
import { call, send } from 'greenroom:actor/messaging@0.1.0';
import * as reminders from 'greenroom:actor/reminders@0.1.0';
import * as state from 'greenroom:actor/state@0.1.0';
import * as timers from 'greenroom:actor/timers@0.1.0';
import type { Address, CallError, ErrorCode, Message, Payload } from 'greenroom:actor/types@0.1.0';

import { memory } from './lifecycle.js';
import { failure, textPayload } from './replies.js';
import { bytesOf, decode, encode, hex } from './text.js';

/** Does what the script says; a failure ends the turn. A typed method has no message. */
export function run(script: string, message: Message | undefined): string {
  const lines = script.replace(/\n$/, '').split('\n');
  return lines.map((line) => perform(line, message)).join('\n');
}

/** The arguments that are left of a line. */
class Words {
  constructor(public rest: string) {}

  /** The next one; `-` is nothing. */
  next(): string {
    const end = this.rest.indexOf(' ');
    const word = end < 0 ? this.rest : this.rest.slice(0, end);
    this.rest = end < 0 ? '' : this.rest.slice(end + 1);
    return word === '-' ? '' : word;
  }

  number(): number {
    return Number(this.next());
  }

  option(): number | null {
    const word = this.next();
    return word === '' ? null : Number(word);
  }

  address(): Address {
    return { actorType: this.next(), id: this.next() };
  }

  schedule(): reminders.Schedule {
    return { delayMs: this.number(), periodMs: this.option(), repetitions: this.option() };
  }

  /** All that is left, as a payload. */
  text(): Payload {
    return textPayload(this.rest);
  }
}

function perform(line: string, message: Message | undefined): string {
  const words = new Words(line);
  const name = words.next();
  const command = commands.get(name);
  if (command === undefined) throw failure('invalid-argument', `no command ${name}`);
  return command(words, message);
}

const commands = new Map<string, (words: Words, message: Message | undefined) => string>([
  ['set', (words) => kept(words.next(), encode(words.rest))],
  ['set-hex', (words) => kept(words.next(), bytesOf(words.next()))],
  ['fill', (words) => kept(words.next(), new Uint8Array(words.number()).fill(0x78))],
  ['append', append],
  ['get', (words) => found(state.get(words.next()), decode)],
  ['get-hex', (words) => found(state.get(words.next()), hex)],
  ['size', (words) => String(state.get(words.next())?.length ?? 'none')],
  ['delete', (words) => String(state.delete(words.next()))],
  ['keys', (words) => state.keys(words.next(), words.next() || null, words.number()).join(' ')],
  ['call', (words) => called(words)],
  ['send', sent],
  ['remind', (words) => alarm(reminders.set, words)],
  ['timer', (words) => alarm(timers.set, words)],
  ['cancel-reminder', (words) => String(reminders.cancel(words.next()))],
  ['cancel-timer', (words) => String(timers.cancel(words.next()))],
  ['reminders', () => reminders.list().map(described).join('; ')],
  ['fail', failed],
  ['fail-until', failedUntil],
  ['trap', trapped],
  ['spin', spun],
  ['bomb', exploded],
  ['remember', remembered],
  ['recall', () => `value ${memory.remembered}`],
  ['me', () => `${memory.me.actorType} ${memory.me.id}`],
  ['message', noted],
  ['now', () => String(nowMs())],
  ['random', (words) => hex(random(words.number()))],
  ['log', logged],
  ['print', (words) => logged(new Words(`info ${words.rest}`))],
]);

function done(change: () => void): string {
  try {
    change();
    return 'ok';
  } catch (error) {
    return `limit ${(error as { payload: string }).payload}`;
  }
}

function kept(key: string, value: Uint8Array): string {
  return done(() => state.set(key, value));
}

function found(value: Uint8Array | null, shown: (value: Uint8Array) => string): string {
  return value === null ? 'none' : `value ${shown(value)}`;
}

function append(words: Words): string {
  const key = words.next();
  const before = state.get(key);
  const after = before === null || before.length === 0 ? words.rest : `${decode(before)},${words.rest}`;
  const result = kept(key, encode(after));
  return result === 'ok' ? after : result;
}

function called(words: Words): string {
  const to = words.address();
  const method = words.next();
  try {
    return `reply ${decode(call(to, method, words.text()).body)}`;
  } catch (error) {
    const { payload } = error as { payload: CallError };
    if (payload.tag === 'failed') return `failed ${payload.val.code} ${payload.val.message}`;
    return 'val' in payload ? `${payload.tag} ${payload.val}` : payload.tag;
  }
}

function sent(words: Words): string {
  const delay = words.number();
  const to = words.address();
  const method = words.next();
  return done(() => send(to, method, words.text(), delay));
}

function alarm(set: typeof reminders.set, words: Words): string {
  const name = words.next();
  const schedule = words.schedule();
  const method = words.next();
  return done(() => set(name, schedule, method, words.text()));
}

function described({ name, method, dueInMs, schedule }: reminders.Reminder): string {
  const { delayMs, periodMs, repetitions } = schedule;
  return [name, method, dueInMs, delayMs, periodMs ?? '-', repetitions ?? '-'].join(' ');
}

function failed(words: Words): never {
  throw failure(words.next() as ErrorCode, words.rest);
}

function failedUntil(words: Words, message: Message | undefined): string {
  if (received(message).attempt < words.number()) throw failure('failed-precondition', 'too early');
  return 'ok';
}

function trapped(): never {
  throw new Error('asked to trap');
}

function spun(): never {
  for (;;);
}

function exploded(): never {
  const taken: Uint8Array[] = [];
  for (;;) taken.push(new Uint8Array(1 << 20).fill(1));
}

function remembered(words: Words): string {
  memory.remembered = words.rest;
  return 'ok';
}

function logged(words: Words): string {
  write(words.next() as Level, words.rest);
  return 'ok';
}

function noted(words: Words, message: Message | undefined): string {
  const description = shown(received(message));
  if (words.rest !== '') kept(words.next(), encode(description));
  return description;
}

function received(message: Message | undefined): Message {
  if (message === undefined) throw failure('unimplemented', 'a typed method does not see its message');
  return message;
}

function shown({ id, method, attempt, payload, origin }: Message): string {
  const sender =
    origin.tag === 'client'
      ? 'client'
      : origin.tag === 'actor'
        ? `actor ${origin.val.actorType} ${origin.val.id}`
        : `${origin.tag} ${origin.val}`;
  return [id, method, attempt, payload.contentType.replace(/;.*/, ''), sender].join(' ');
}
