/** One line of a script: what it does, and its result in words. */

import { Address, CallError, Failure, Payload, type Context, type ErrorCode, type Level, type Message, type Reminder, type Schedule } from '@greenroom/sdk';

/** What a script has to do with. */
interface Turn {
  readonly ctx: Context;
  /** Kept in memory only. */
  remembered: string;
}

/** The arguments that are left of a line. */
class Words {
  rest: string;

  constructor(line: string) {
    this.rest = line;
  }

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

  option(): number | undefined {
    const word = this.next();
    return word === '' ? undefined : Number(word);
  }

  address(): Address {
    return new Address(this.next(), this.next());
  }

  schedule(): Schedule {
    return { delayMs: this.number(), periodMs: this.option(), repetitions: this.option() };
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.rest);
  }

  /** All that is left, as a payload. */
  text(): Payload {
    return new Payload('text/plain', this.bytes());
  }
}

type Command = (words: Words, turn: Turn, payload: Payload) => string;

/** Does what the line says; a failure ends the turn. */
export function perform(line: string, turn: Turn, payload: Payload): string {
  const words = new Words(line);
  const name = words.next();
  const command = commands.get(name);
  if (command === undefined) throw Failure.invalidArgument(`no command ${name}`);
  return command(words, turn, payload);
}

const commands = new Map<string, Command>([
  ['set', (words, turn) => kept(turn, words.next(), words.bytes())],
  ['set-hex', (words, turn) => kept(turn, words.next(), bytesOf(words.next()))],
  ['fill', (words, turn) => kept(turn, words.next(), new Uint8Array(words.number()).fill(0x78))],
  ['append', append],
  ['get', (words, { ctx }) => found(ctx.state.getBytes(words.next()), text)],
  ['get-hex', (words, { ctx }) => found(ctx.state.getBytes(words.next()), hex)],
  ['size', (words, { ctx }) => String(ctx.state.getBytes(words.next())?.length ?? 'none')],
  ['delete', (words, { ctx }) => String(ctx.state.delete(words.next()))],
  ['keys', (words, { ctx }) => ctx.state.keysAfter(words.next(), words.next() || undefined, words.number()).join(' ')],
  ['call', called],
  ['send', sent],
  ['remind', (words, { ctx }) => alarm(ctx.reminders, words)],
  ['timer', (words, { ctx }) => alarm(ctx.timers, words)],
  ['cancel-reminder', (words, { ctx }) => String(ctx.reminders.cancel(words.next()))],
  ['cancel-timer', (words, { ctx }) => String(ctx.timers.cancel(words.next()))],
  ['reminders', (_, { ctx }) => ctx.reminders.list().map(described).join('; ')],
  ['fail', failed],
  ['fail-until', failedUntil],
  ['trap', trapped],
  ['spin', spun],
  ['bomb', exploded],
  ['remember', remembered],
  ['recall', (_, turn) => `value ${turn.remembered}`],
  ['me', (_, { ctx }) => `${ctx.me.actorType} ${ctx.me.id}`],
  ['message', noted],
  ['now', (_, { ctx }) => String(ctx.now)],
  ['random', (words, { ctx }) => hex(ctx.randomBytes(words.number()))],
  ['log', logged],
  ['print', printed],
]);

function done(change: () => void): string {
  try {
    change();
    return 'ok';
  } catch (error) {
    if (error instanceof Failure && error.code === 'resource-exhausted') return `limit ${error.message}`;
    throw error;
  }
}

function kept({ ctx }: Turn, key: string, value: Uint8Array): string {
  return done(() => ctx.state.setBytes(key, value));
}

function found(value: Uint8Array | undefined, shown: (value: Uint8Array) => string): string {
  return value === undefined ? 'none' : `value ${shown(value)}`;
}

function append(words: Words, turn: Turn): string {
  const key = words.next();
  const before = turn.ctx.state.getBytes(key);
  const after = before === undefined || before.length === 0 ? words.rest : `${text(before)},${words.rest}`;
  const result = kept(turn, key, new TextEncoder().encode(after));
  return result === 'ok' ? after : result;
}

function called(words: Words, { ctx }: Turn): string {
  const to = ctx.actor(words.address());
  try {
    return `reply ${to.callRaw(words.next(), words.text()).text()}`;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (error.kind === 'failed') return `failed ${error.code} ${error.detail}`;
    return `${error.kind} ${error.detail}`.trimEnd();
  }
}

function sent(words: Words, { ctx }: Turn): string {
  const delay = words.number();
  const to = ctx.actor(words.address());
  const method = words.next();
  return done(() => to.sendAfter(delay, method, words.text()));
}

function alarm(alarms: Context['timers'] | Context['reminders'], words: Words): string {
  const name = words.next();
  const schedule = words.schedule();
  const method = words.next();
  return done(() => alarms.set(name, schedule, method, words.text()));
}

function described({ name, method, dueInMs, schedule }: Reminder): string {
  const { delayMs, periodMs, repetitions } = schedule;
  return [name, method, dueInMs, delayMs, periodMs ?? '-', repetitions ?? '-'].join(' ');
}

function failed(words: Words): never {
  throw new Failure(words.next() as ErrorCode, words.rest);
}

function failedUntil(words: Words, { ctx }: Turn): string {
  if (ctx.message!.attempt < words.number()) throw Failure.failedPrecondition('too early');
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

function remembered(words: Words, turn: Turn): string {
  turn.remembered = words.rest;
  return 'ok';
}

function logged(words: Words, { ctx }: Turn): string {
  ctx.log(words.next() as Level, words.rest);
  return 'ok';
}

function printed(words: Words): string {
  console.log(words.rest);
  return 'ok';
}

function noted(words: Words, turn: Turn, payload: Payload): string {
  const description = shown(turn.ctx.message!, payload);
  if (words.rest !== '') kept(turn, words.next(), new TextEncoder().encode(description));
  return description;
}

function shown({ id, method, attempt, origin }: Message, payload: Payload): string {
  const sender = origin.actor === undefined ? String(origin) : `actor ${origin.actor.actorType} ${origin.actor.id}`;
  return [id, method, attempt, payload.contentType.replace(/;.*/, ''), sender].join(' ');
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}
