/** How the body of a message becomes the argument of a method, and who can be called at all. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Actor, Origin, Payload, actor, is, type StandardSchema } from '../src/index.js';
import { TestHost } from '../src/testing/index.js';
import ledgerType from './ledger.js';

const even: StandardSchema<number> = {
  '~standard': {
    validate: (value) =>
      typeof value === 'number' && value % 2 === 0 ? { value } : { issues: [{ message: 'not even', path: ['a', 0] }] },
  },
};

class Echo extends Actor {
  state = {};

  none(): string {
    return 'none';
  }

  free(body?: unknown): unknown {
    return body === undefined ? 'nothing' : body;
  }

  one({ item }: { item: unknown }): unknown {
    return item;
  }

  maybe({ item }: { item?: string | undefined }): unknown {
    return item === undefined ? 'nothing' : item;
  }

  map({ item }: { item: Record<string, number> }): unknown {
    return item;
  }

  two(both: { left: number; right?: number | undefined }): unknown {
    return [both.left, both.right ?? null];
  }

  deep({ order }: { order: { items: { sizes: number[] }[] } }): unknown {
    return order.items.length;
  }

  schema({ value }: { value: number }): number {
    return value;
  }
}

const echoType = actor(Echo, {
  none: {},
  one: { item: is.any },
  maybe: { item: is.optional(is.string) },
  map: { item: is.record(is.number) },
  two: { left: is.number, right: is.optional(is.number) },
  deep: { order: is.object({ items: is.array(is.object({ sizes: is.array(is.natural) })) }) },
  schema: { value: is.schema(even) },
});

function call(method: string, text: string): unknown {
  const payload = new Payload('text/x-anything', new TextEncoder().encode(text));
  return new TestHost(echoType, 'e1').callRaw(Origin.client, method, payload).json();
}

function complaint(method: string, text: string): string {
  try {
    return assert.fail(JSON.stringify(call(method, text)));
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'invalid-argument', String(error));
    return (error as Error).message;
  }
}

test('a method without parameters does not look at the body', () => {
  assert.equal(call('none', '}'), 'none');
  assert.equal(new TestHost(ledgerType, 'l1').callRaw(Origin.client, 'total', Payload.text('}')).text(), '0');
});

test('a method that is not declared takes the body as it is', () => {
  assert.equal(call('free', ' '), 'nothing');
  assert.deepEqual(call('free', '{"a": [1]}'), { a: [1] });
  assert.match(complaint('free', '{'), /^the body is not JSON: /);
  const ledger = new TestHost(ledgerType, 'l1');
  assert.deepEqual([ledger.call('optional'), ledger.call('optional', { limit: 3 })], [7, 3]);
  assert.throws(() => ledger.callRaw(Origin.client, 'optional', Payload.text('x')), { code: 'invalid-argument' });
});

test('one argument comes bare or by its name', () => {
  assert.deepEqual(call('one', '5'), 5);
  assert.deepEqual(call('one', '{"item": 5}'), 5);
  assert.deepEqual(call('one', '{"item": 5, "more": 6}'), { item: 5, more: 6 });
  assert.deepEqual(call('one', '{}'), undefined, 'an argument that may be anything may be left out');
  for (const body of ['', 'null', '{}', '{"item": null}']) assert.equal(call('maybe', body), 'nothing', body);
  assert.deepEqual(call('map', '{}'), {});
  assert.equal(complaint('map', ''), 'argument `item` is missing');
});

test('more arguments come by name or by position', () => {
  assert.deepEqual(call('two', '{"left": 1, "right": 2}'), [1, 2]);
  assert.deepEqual(call('two', '{"left": 1}'), [1, null]);
  assert.deepEqual(call('two', '[1, 2]'), [1, 2]);
  assert.deepEqual(call('two', '[1]'), [1, null]);
  assert.equal(complaint('two', '[1, 2, 3]'), '3 arguments are too many; there are left, right');
  assert.equal(complaint('two', '{"left": 1, "write": 2}'), 'unknown argument `write`; there are left, right');
  assert.equal(complaint('two', '1'), 'expected an object or an array of the arguments left, right');
  assert.equal(complaint('two', '{}'), 'argument `left` is missing');
});

test('a complaint names the place', () => {
  assert.equal(call('deep', '{"items": [{"sizes": [1, 2]}]}'), 1);
  const wrong = '{"order": {"items": [{"sizes": [1, "x"]}]}}';
  const expected = 'argument `order.items[0].sizes[1]`: invalid type: string "x", expected a whole number of at least 0';
  assert.equal(complaint('deep', wrong), expected);
  assert.equal(complaint('deep', '{"items": [{}]}'), 'argument `order.items[0].sizes` is missing');
  assert.equal(complaint('deep', '{"items": [], "x": 1}'), 'argument `order`: unknown member `x`; there are items');
  assert.equal(call('schema', '4'), 4);
  assert.equal(complaint('schema', '5'), 'argument `value.a[0]`: not even');
});

test('what is no public method can not be called', () => {
  const { methods } = ledgerType;
  for (const name of ['constructor', 'activate', 'deactivate', '_hidden', '#secret', 'state', 'toString', '__proto__']) {
    assert.ok(!methods.has(name), name);
    assert.throws(() => new TestHost(ledgerType, 'l1').callFrom(Origin.client, name), { code: 'unimplemented' });
  }
  class Loud extends Echo {
    override none(): string {
      return 'NONE';
    }
    loud(): void {}
  }
  const loud = actor(Loud);
  assert.deepEqual([...loud.methods.keys()], [...echoType.methods.keys(), 'loud']);
  assert.equal(new TestHost(loud, 'x').call('none'), 'NONE');
});

test('a raw method has the bytes', () => {
  const photo = new Payload('image/x', new Uint8Array([1, 2, 3]));
  const reply = new TestHost(ledgerType, 'l1').callRaw(Origin.client, 'photograph', photo);
  assert.deepEqual([reply.contentType, [...reply.body]], ['image/x+seen', [3, 2, 1]]);
});

test('declaring a method that is not there is a mistake', () => {
  assert.throws(() => actor(Echo, { non: {} } as object), { message: 'Echo has no method non to declare' });
});
