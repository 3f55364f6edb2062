import { Actor, Failure, actor, is } from '@greenroom/sdk';

const most = 2 ** 32 - 1;

/** A counter that forgets. */
export class Counter extends Actor<{ count: number }> {
  /** What is kept: the state is durable. */
  state = { count: 0 };

  /** Adds `amount`; an hour later the counter is back at zero. */
  add({ amount }: { amount: number }): number {
    if (amount === 0) throw Failure.invalidArgument('add something');
    if (amount > most - this.state.count) throw Failure.invalidArgument('too much');
    this.state.count += amount;
    this.ctx.reminders.set('forget', { delayMs: 3_600_000 }, 'forget');
    return this.state.count;
  }

  /** Says what the count is. */
  get(): number {
    return this.state.count;
  }

  /** The reminder's method. */
  forget(): void {
    this.state.count = 0;
  }
}

export default actor(Counter, {
  add: { amount: is.natural },
});
