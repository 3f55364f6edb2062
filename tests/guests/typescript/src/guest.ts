/**
 * An actor written against the WIT alone, with the ecosystem's own tools (tsc, esbuild,
 * componentize-qjs) and nothing of Greenroom's SDK.
 *
 * Its methods:
 *
 * | method | does |
 * | --- | --- |
 * | `echo` | replies with the payload as it came |
 * | `increment`, `get` | a durable counter under the key `n`, as text |
 * | `increment_and_fail`, `increment_and_throw` | the same, and then a failure or an exception: neither leaves a trace |
 * | `append`, `list` | a durable list under the key `list`: both reply with it, a line an item |
 * | `keys` | the keys with the payload's text as their prefix, a line a key |
 * | `message` | the message as it came and the actor's own address, as JSON |
 * | `call`, `send` | the payload is `type/id method`; `call` replies with the reply or the kind of error |
 * | `remind` | sets a reminder that appends in so many milliseconds; replies with the names that are set |
 * | `now`, `random` | the time of the turn; so many random bytes |
 * | `say` | logs the payload's text |
 */

import { nowMs, random } from 'greenroom:actor/context@0.1.0';
import { write } from 'greenroom:actor/log@0.1.0';
import { call, send } from 'greenroom:actor/messaging@0.1.0';
import * as reminders from 'greenroom:actor/reminders@0.1.0';
import * as state from 'greenroom:actor/state@0.1.0';
import type { Address, CallError, Message, Payload } from 'greenroom:actor/types@0.1.0';

import { decode, encode } from './text.js';

let me: Address | undefined;

/** What the component exports. */
export const behavior = {
  activate(address: Address): void {
    me = address;
  },

  receive(message: Message): Payload {
    const method = methods.get(message.method);
    // What is thrown is the error of the function's result.
    if (method === undefined) throw { code: 'unimplemented', message: `there is no method ${message.method}` };
    const reply = method(decode(message.payload.body), message);
    return typeof reply === 'string' ? { contentType: 'text/plain', body: encode(reply) } : reply;
  },

  deactivate(): void {},
};

const methods = new Map<string, (text: string, message: Message) => string | Payload>([
  ['echo', (_, message) => message.payload],
  ['increment', increment],
  ['get', () => stored('n') ?? '0'],
  [
    'increment_and_fail',
    () => {
      increment();
      throw { code: 'conflict', message: 'asked to fail' };
    },
  ],
  [
    'increment_and_throw',
    () => {
      increment();
      throw new Error('asked to throw');
    },
  ],
  [
    'append',
    (text) => {
      const list = [stored('list'), text].filter((part) => part !== undefined).join('\n');
      state.set('list', encode(list));
      return list;
    },
  ],
  ['list', () => stored('list') ?? ''],
  ['keys', (prefix) => state.keys(prefix, null, 100).join('\n')],
  ['message', (_, { payload, ...message }) => JSON.stringify({ ...message, contentType: payload.contentType, me })],
  ['call', (text) => called(text)],
  [
    'send',
    (text) => {
      const { to, method } = target(text);
      send(to, method, { contentType: 'text/plain', body: encode('sent') }, 0);
      return 'sent';
    },
  ],
  [
    'remind',
    (text) => {
      const schedule = { delayMs: Number(text), periodMs: null, repetitions: null };
      reminders.set('append', schedule, 'append', { contentType: 'text/plain', body: encode('reminded') });
      return reminders.list().map(({ name }) => name).join('\n');
    },
  ],
  ['now', () => String(nowMs())],
  ['random', (text) => ({ contentType: 'application/octet-stream', body: random(Number(text)) })],
  [
    'say',
    (text) => {
      write('info', text);
      return '';
    },
  ],
]);

function increment(): string {
  const next = String(Number(stored('n') ?? '0') + 1);
  state.set('n', encode(next));
  return next;
}

function stored(key: string): string | undefined {
  const bytes = state.get(key);
  return bytes === null ? undefined : decode(bytes);
}

function target(text: string): { to: Address; method: string } {
  const [actorType, id, method] = text.split(/[/ ]/);
  if (actorType === undefined || id === undefined || method === undefined) {
    throw { code: 'invalid-argument', message: 'say `type/id method`' };
  }
  return { to: { actorType, id }, method };
}

function called(text: string): string {
  const { to, method } = target(text);
  try {
    return decode(call(to, method, { contentType: 'text/plain', body: encode('called') }).body);
  } catch (error) {
    const { payload } = error as { payload: CallError };
    return payload.tag === 'failed' ? `failed ${payload.val.code}: ${payload.val.message}` : payload.tag;
  }
}
