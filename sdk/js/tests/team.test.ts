/** The actor that the README shows to say how one speaks to others, and to itself later. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Actor, actor, is } from '../src/index.js';
import { TestHost } from '../src/testing/index.js';

/** What the team needs of a counter. */
interface Counter {
  add(given: { amount: number }): number;
}

const dayMs = 86_400_000;

/** A team, each of whose members has a counter. */
export class Team extends Actor {
  state = {};

  /** Adds `amount` to a member's counter, and says what that is at then. */
  add({ member, amount }: { member: string; amount: number }): number {
    const count = this.ctx.actor<Counter>('counter', member).call('add', { amount });
    this.ctx.actor('journal', 'team').send('note', `${member} is at ${count}`);
    const daily = { delayMs: dayMs, periodMs: dayMs, repetitions: 3 };
    this.ctx.reminders.set('review', daily, 'review', { member });
    return count;
  }

  /** The reminder's method: once a day, three times. */
  review({ member }: { member: string }): void {
    this.ctx.log('info', `time to review ${member}`);
  }
}

const teamType = actor(Team, {
  add: { member: is.string, amount: is.natural },
  review: { member: is.string },
});

test('a team asks, tells, and is reminded three times', () => {
  const team = new TestHost(teamType, 'red');
  team.onCall((to, method) => {
    assert.deepEqual([String(to), method], ['counter/ada', 'add']);
    return 5;
  });
  assert.equal(team.call('add', { member: 'ada', amount: 2 }), 5);
  assert.deepEqual(team.sent.map(({ to }) => String(to)), ['journal/team']);
  assert.equal(team.advance(10 * dayMs).length, 3);
  assert.equal(team.logs.at(-1)?.message, 'time to review ada');
});
