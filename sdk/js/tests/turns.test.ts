/**
 * State, effects and hooks: what a turn leaves behind when it succeeds, and that it leaves nothing
 * when it fails.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Failure, Origin, Payload } from '../src/index.js';
import { TestHost } from '../src/testing/index.js';
import ledgerType, { type Ledger } from './ledger.js';

function newLedger(): TestHost<Ledger> {
  return new TestHost(ledgerType, 'l1');
}

test('a turn that succeeds leaves all its effects', () => {
  const ledger = newLedger();
  assert.equal(ledger.call('book', { amount: 5 }), 5);
  assert.deepEqual(ledger.storedKeys, ['actor', 'entry/5']);
  assert.deepEqual(ledger.stored('actor'), { total: 5, note: '' });
  const [sent] = ledger.takeSent();
  assert.deepEqual([String(sent?.to), sent?.method, sent?.payload.json()], ['audit/all', 'booked', ['ledger/l1', 5]]);
  assert.deepEqual([ledger.reminders.length, ledger.timers.length], [1, 1]);
});

test('a turn that fails leaves nothing but what it said', () => {
  const ledger = newLedger();
  const left = (): unknown[] => [ledger.storedKeys, [...ledger.sent], ledger.reminders, ledger.timers];
  ledger.call('book', { amount: 5 });
  const before = left();
  assert.throws(() => ledger.call('book', { amount: 7, fail: true }), { code: 'conflict', message: 'told to fail' });
  assert.deepEqual(left(), before);
  assert.equal(ledger.call('total'), 5);
  assert.deepEqual(ledger.logs.at(-1), { level: 'info', message: 'booked 7' });
});

test('the state is written only when it changed', () => {
  const ledger = newLedger();
  ledger.call('annotate', '');
  ledger.call('total');
  assert.deepEqual(ledger.storedKeys, []);
  ledger.call('annotate', 'x');
  assert.deepEqual(ledger.storedKeys, ['actor']);
});

test('a state that JSON would lose is refused, and says where', () => {
  const ledger = newLedger();
  const spoiled = (how: string): Failure => {
    try {
      ledger.call('spoil', how);
    } catch (error) {
      return error as Failure;
    }
    return assert.fail(how);
  };
  assert.equal(spoiled('map').message, 'the state of Ledger is not plain JSON: state.map is a Map');
  assert.match(spoiled('nan').message, /state\.list\[1\] is NaN$/);
  assert.match(spoiled('date').message, /state\.deep\.date is a Date$/);
  assert.match(spoiled('cycle').message, /^can't be written as JSON: /);
  assert.deepEqual([ledger.call('total'), ledger.storedKeys], [0, []]);
});

test('a restart keeps what is stored and runs the hooks', () => {
  const ledger = newLedger();
  ledger.call('book', { amount: 5 });
  ledger.restart();
  assert.deepEqual(ledger.stored('actor'), { total: 5, note: 'zzz' });
  assert.equal(ledger.call('activated_by'), 'host true');
  assert.deepEqual([ledger.reminders.length, ledger.timers.length], [1, 0]);
  ledger.crash();
  assert.equal(ledger.call('total'), 5);
  assert.deepEqual(ledger.stored('actor'), { total: 5, note: 'zzz' });
});

test('an activation that fails refuses the message', () => {
  const ledger = newLedger();
  ledger.store('actor', '{"total": 1, "note": "no"}');
  assert.throws(() => ledger.call('total'), { message: 'stays in bed' });
  ledger.store('actor', '{"total": 1}');
  assert.equal(ledger.call('total'), 1, 'a member that is new has its default');
  ledger.call('annotate', 'x');
  assert.deepEqual(ledger.stored('actor'), { total: 1, note: 'x' });
});

test('a state that can not be read is left as it is', () => {
  const ledger = newLedger();
  for (const stored of ['[]', 'null', '{']) {
    ledger.store('actor', stored);
    assert.throws(() => ledger.call('total'), { code: 'internal', message: /can't be read as/ });
    assert.equal(new TextDecoder().decode(ledger.storedBytes('actor')), stored);
  }
});

test('reminders, timers and delayed messages come in their order', () => {
  const ledger = newLedger();
  ledger.call('book', { amount: 0 });
  ledger.call('later', { amount: 1 });
  ledger.call('later', { amount: -1 });
  const begin = ledger.now;
  const seen = ledger.advance(2_000).map(({ origin, failure }) => [String(origin), failure?.code]);
  // The booking of the first message sets the timer anew, so that it fires a second later.
  assert.deepEqual(seen, [
    ['ledger/l1', undefined],
    ['ledger/l1', 'conflict'],
    ['timer tick', undefined],
  ]);
  assert.equal(ledger.now, begin + 2_000);
  const reviews = ledger.advance(60_000).filter(({ method }) => method === 'review');
  assert.deepEqual(reviews, [{ origin: Origin.reminder('review'), method: 'review', failure: undefined, reply: undefined }]);
  assert.throws(() => ledger.call('review'), { code: 'permission-denied' });
});

test("a call's reply or error reaches the caller", () => {
  const ledger = newLedger();
  const price = (item: string): unknown => ledger.call('price', { item });
  const nobody = 'call shop/main price: nothing is deployed under that actor type';
  assert.throws(() => price('rug'), { code: 'failed-precondition', kind: 'unknown-actor-type', message: nobody });
  ledger.onCall((to, method, item) => {
    assert.deepEqual([String(to), method], ['shop/main', 'price']);
    if (item === 'rug') return 120;
    if (item === 'tea') throw TestHost.refused('crashed', 'it spilled');
    if (item === 'air') return new Payload('text/plain', new Uint8Array([0xff]));
    throw Failure.notFound(`no ${item}`);
  });
  assert.equal(price('rug'), 120);
  assert.throws(() => price('cat'), { code: 'not-found', kind: 'failed', message: 'call shop/main price: no cat' });
  assert.throws(() => price('tea'), { code: 'internal', message: 'call shop/main price: it crashed: it spilled' });
  assert.throws(() => price('air'), { kind: 'invalid-reply', reason: 'the reply is not what was expected: the body is not UTF-8' });
});

test("the state object's key is out of reach", () => {
  const ledger = newLedger();
  for (const amount of [1, 2, 3]) ledger.call('book', { amount });
  assert.throws(() => ledger.call('claim_actor_key'), { code: 'internal' });
  assert.equal(ledger.call('forget', { key: 'actor' }), false);
  assert.equal(ledger.call('forget', { key: 'entry/3' }), true);
  const entries = ['entry/1', 'entry/2'];
  assert.deepEqual(ledger.call('keys', { limit: 1 }), [entries, entries, ['entry/2']]);
});

test('an exception is the fault of the actor', () => {
  assert.throws(() => newLedger().call('crash'), { code: 'internal', message: /^TypeError: / });
  assert.throws(() => newLedger().callFrom(Origin.client, 'wait'), { code: 'internal', message: /not async/ });
});

test('messages are told apart', () => {
  const ledger = newLedger();
  assert.deepEqual(ledger.call('message'), ['message-1', 'message', 1, 'client']);
  assert.deepEqual(ledger.callFrom(Origin.actor('task', 't1'), 'message'), ['message-2', 'message', 1, 'task/t1']);
});

test('time and chance are those of the host', () => {
  const [first, second] = [newLedger(), newLedger()];
  const { now } = first;
  const outside = Date;
  assert.deepEqual(first.call('time'), [now, now, now, 5, 0, true]);
  assert.equal(Date, outside, 'outside of the turn nothing is changed');
  const seen = first.call('chance');
  assert.deepEqual(seen, second.call('chance'));
  assert.equal(seen[0], 5_000);
  assert.ok((seen[1] as number) >= 0 && (seen[1] as number) < 1);
  assert.match(seen[2] as string, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(seen[3], true);
});
