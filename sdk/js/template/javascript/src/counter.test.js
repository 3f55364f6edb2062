import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TestHost } from '@greenroom/sdk/testing';

import counterType from './counter.js';

test('it counts and forgets', () => {
  const counter = new TestHost(counterType, 'counter-1');
  assert.equal(counter.call('add', { amount: 2 }), 2);
  for (const amount of [0, 2 ** 32 - 1]) {
    assert.throws(() => counter.call('add', { amount }), { code: 'invalid-argument' });
  }

  counter.restart();
  assert.equal(counter.call('get'), 2);

  counter.advance(3_600_000);
  assert.equal(counter.call('get'), 0);
});
