/** What the README says of a task, without a host. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Origin } from '@greenroom/sdk';
import { TestHost } from '@greenroom/sdk/testing';

import taskType, { type Task } from './task.js';

const MINUTE = 60_000;

function task(): TestHost<Task> {
  return new TestHost(taskType, 'task-123');
}

test('a task is there before anybody writes to it', () => {
  const { id, status, title } = task().call('get_task');
  assert.deepEqual({ id, status, title }, { id: 'task-123', status: 'todo', title: null });
  assert.deepEqual(task().storedKeys, []);
});

test('create names a task once', () => {
  const report = task();
  const view = report.call('create', { title: 'Report', assignee: 'alice' });
  assert.deepEqual([view.title, view.assignee], ['Report', 'alice']);
  assert.throws(() => report.call('create', { title: 'Other' }), { code: 'conflict' });
  assert.equal(report.call('set_title', { title: 'Longer report' }).title, 'Longer report');
});

test('titles and assignees are bounded', () => {
  const bounded = task();
  for (const title of ['', 'x'.repeat(201)]) {
    assert.throws(() => bounded.call('set_title', { title }), { code: 'invalid-argument' });
  }
  for (const assignee of ['', 'a\nb', 'x'.repeat(513)]) {
    assert.throws(() => bounded.call('assign_to', { assignee }), { code: 'invalid-argument' });
  }
  assert.equal(bounded.call('set_title', { title: '😀'.repeat(200) }).title?.length, 400);
  assert.equal(bounded.call('assign_to', { assignee: 'alice' }).assignee, 'alice');
  assert.equal(bounded.call('assign_to', {}).assignee, null);
});

test('changes of status are numbered in the order they arrive', () => {
  const changed = task();
  changed.callFrom(Origin.client, 'update_status', 'done');
  changed.callFrom(Origin.actor('chat', 'alice'), 'update_status', { status: 'cancelled' });
  const seen = changed.call('get_task').history.map(({ sequence, status, by }) => [sequence, status, by]);
  assert.deepEqual(seen, [
    [1, 'done', 'client'],
    [2, 'cancelled', 'chat/alice'],
  ]);
});

test('the same status again is no change, and old changes are forgotten', () => {
  const changed = task();
  for (let round = 0; round < 15; round++) {
    for (const status of ['in_progress', 'in_progress', 'todo'] as const) changed.call('update_status', { status });
  }
  const { history } = changed.call('get_task');
  assert.deepEqual([history.length, history[0]?.sequence, history[19]?.sequence], [20, 11, 30]);
});

test('a status nobody knows is refused by name', () => {
  const expected = { code: 'invalid-argument', message: /^argument `status`: unknown variant `finished`/ };
  assert.throws(() => task().callFrom(Origin.client, 'update_status', 'finished'), expected);
  assert.throws(() => task().call('update_status', { status: 'overdue' }), { code: 'failed-precondition' });
});

test('a deadline that passes makes the task overdue and tells the assignee', () => {
  const late = task();
  late.call('create', { title: 'Report', assignee: 'alice' });
  const deadline_ms = late.now + MINUTE;
  late.call('set_deadline_reminder', { in_ms: MINUTE });
  late.crash();

  assert.deepEqual(late.advance(MINUTE / 2), []);
  assert.equal(late.advance(MINUTE / 2)[0]?.failure, undefined);

  const view = late.call('get_task');
  assert.deepEqual([view.status, view.deadline_ms, view.history[0]?.by], ['overdue', deadline_ms, 'reminder deadline']);
  const [note] = late.sent;
  assert.deepEqual([String(note?.to), note?.method], ['chat/alice', 'task_overdue']);
  assert.deepEqual(note?.payload.json(), { title: 'Report', deadline_ms });
});

test('finishing a task cancels its deadline', () => {
  const finished = task();
  finished.call('set_deadline_reminder', { in_ms: MINUTE });
  assert.equal(finished.call('update_status', { status: 'done' }).deadline_ms, null);
  assert.deepEqual([finished.reminders, finished.advance(2 * MINUTE)], [[], []]);
  assert.throws(() => finished.call('set_deadline_reminder', { in_ms: 1 }), { code: 'failed-precondition' });
});

test('a new deadline takes an overdue task back', () => {
  const late = task();
  late.call('update_status', { status: 'in_progress' });
  late.call('set_deadline_reminder', { in_ms: 0 });
  late.advance(0);
  assert.equal(late.call('get_task').status, 'overdue');
  const at_ms = late.now + MINUTE;
  const { status, deadline_ms } = late.call('set_deadline_reminder', { at_ms });
  assert.deepEqual([status, deadline_ms, late.reminders[0]?.dueInMs], ['in_progress', at_ms, MINUTE]);
});

test('a deadline is given one way and not in the past', () => {
  const punctual = task();
  for (const body of [{}, { in_ms: 1, at_ms: 2 }, { at_ms: punctual.now - MINUTE }]) {
    assert.throws(() => punctual.call('set_deadline_reminder', body), { code: 'invalid-argument' });
  }
  assert.deepEqual(punctual.reminders, []);
});

test('nobody else says that a deadline has passed', () => {
  for (const origin of [Origin.client, Origin.actor('task', 'x'), Origin.timer('deadline')]) {
    assert.throws(() => task().callFrom(origin, 'deadline_passed'), { code: 'permission-denied' });
  }
});
