/** What the README says of a poll, without a host. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Origin } from '@greenroom/sdk';
import { TestHost } from '@greenroom/sdk/testing';

import pollType, { type Poll } from './poll.js';

function lunch(closes_in_ms?: number): TestHost<Poll> {
  const poll = new TestHost(pollType, 'lunch');
  poll.callFrom(Origin.client, 'open', { question: 'Lunch?', options: ['Pizza', 'Sushi', 'Salad'], closes_in_ms });
  return poll;
}

test('votes are counted, best first', () => {
  const poll = lunch();
  poll.call('vote', { voter: 'ann', option: 'Sushi' });
  poll.call('vote', { voter: 'bob', option: 'Pizza' });
  const { votes, results } = poll.call('vote', { voter: 'cid', option: 'Sushi' });
  assert.equal(votes, 3);
  assert.deepEqual(results, [
    { option: 'Sushi', votes: 2, percent: 66.7 },
    { option: 'Pizza', votes: 1, percent: 33.3 },
    { option: 'Salad', votes: 0, percent: 0 },
  ]);
});

test('a voter has one vote, and may change or withdraw it', () => {
  const poll = lunch();
  poll.call('vote', { voter: 'ann', option: 'Sushi' });
  assert.equal(poll.call('vote', { voter: 'ann', option: 'Salad' }).votes, 1);
  poll.restart();
  assert.deepEqual(poll.call('vote_of', { voter: 'ann' }), { voter: 'ann', option: 'Salad' });
  assert.equal(poll.call('withdraw', { voter: 'ann' }).votes, 0);
  assert.throws(() => poll.call('withdraw', { voter: 'ann' }), { code: 'not-found' });
  assert.deepEqual(poll.storedKeys, ['actor']);
});

test('a poll ends by itself, also when nobody has it in memory', () => {
  const poll = lunch(60_000);
  poll.call('vote', { voter: 'ann', option: 'Sushi' });
  poll.call('vote', { voter: 'bob', option: 'Pizza' });
  poll.crash();
  const [end] = poll.advance(60_000);
  assert.equal(String(end?.origin), 'reminder end');
  assert.equal(end?.failure, undefined);
  const { open, winners } = poll.call('results');
  assert.deepEqual({ open, winners }, { open: false, winners: ['Pizza', 'Sushi'] });
  assert.throws(() => poll.call('vote', { voter: 'cid', option: 'Salad' }), { code: 'failed-precondition' });
  assert.deepEqual(poll.logs, [{ level: 'info', message: 'closed with 2 votes for: Pizza, Sushi' }]);
});

test('closing a poll by hand leaves no reminder', () => {
  const poll = lunch(60_000);
  assert.deepEqual(poll.call('close').winners, []);
  assert.deepEqual(poll.reminders, []);
  assert.throws(() => poll.call('close'), { code: 'failed-precondition' });
});

test('a question is asked once, with options that differ', () => {
  const fresh = (): TestHost<Poll> => new TestHost(pollType, 'fresh');
  assert.throws(() => lunch().call('open', { question: 'Dinner?', options: ['a', 'b'] }), { code: 'conflict' });
  for (const options of [[], ['one'], ['a', ' a '], ['a', ''], Array.from({ length: 21 }, String)]) {
    assert.throws(() => fresh().call('open', { question: 'Which?', options }), { code: 'invalid-argument' });
  }
  assert.throws(() => fresh().call('results'), { code: 'not-found' });
  assert.throws(() => fresh().call('vote', { voter: 'ann', option: 'a' }), { code: 'failed-precondition' });
});

test('what is not an option, or not a vote, is refused by name', () => {
  const expected = { code: 'invalid-argument', message: 'there is no option `Soup`; there are Pizza, Sushi, Salad' };
  assert.throws(() => lunch().call('vote', { voter: 'ann', option: 'Soup' }), expected);
  const wrong = { message: 'argument `option`: invalid type: number 1, expected a string' };
  assert.throws(() => lunch().callFrom(Origin.client, 'vote', ['ann', 1]), wrong);
});
