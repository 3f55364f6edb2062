/** An actor that does a little of everything. */

import { Actor, Failure, Payload, actor, is, raw } from '../src/index.js';

interface State {
  total: number;
  note: string;
}

/** What the ledger needs of a shop. */
export interface Shop {
  price(item: string): number;
}

export class Ledger extends Actor<State> {
  state: State = { total: 0, note: '' };
  activatedBy = '';

  /** Does a little of everything, and then fails if it is told to. */
  book({ amount, fail }: { amount: number; fail?: boolean }): number {
    this.state.total += amount;
    this.ctx.state.set(`entry/${amount}`, amount);
    this.ctx.actor('audit', 'all').send('booked', [String(this.ctx.me), amount]);
    this.ctx.reminders.set('review', { delayMs: 10_000 }, 'review');
    this.ctx.timers.set('tick', { periodMs: 1_000 }, 'tick');
    console.info('booked', amount);
    if (fail === true) throw Failure.conflict('told to fail');
    return this.state.total;
  }

  total(): number {
    return this.state.total;
  }

  annotate(note: string): void {
    this.state.note = note;
  }

  spoil(how: string): void {
    const state = this.state as unknown as Record<string, unknown>;
    if (how === 'map') state['map'] = new Map();
    if (how === 'nan') state['list'] = [1, NaN];
    if (how === 'date') state['deep'] = { date: new Date() };
    if (how === 'cycle') state['self'] = state;
  }

  review(): void {
    if (!this.ctx.origin.isReminder('review')) throw Failure.permissionDenied('not you');
    this.state.note = 'reviewed';
  }

  tick(): string {
    this.state.total += 1;
    return this.ctx.origin.toString();
  }

  later({ amount }: { amount: number }): void {
    this.ctx.actor<Ledger>(this.ctx.me).sendAfter(1_000, 'book', { amount, fail: amount < 0 });
  }

  price({ item }: { item: string }): number {
    return this.ctx.actor<Shop>('shop', 'main').call('price', item);
  }

  claim_actor_key(): void {
    this.ctx.state.set('actor', 1);
  }

  keys({ limit }: { limit: number }): string[][] {
    const { state } = this.ctx;
    return [state.keys(), state.keys('entry/'), state.keysAfter('', 'entry/1', limit)];
  }

  forget({ key }: { key: string }): boolean {
    return this.ctx.state.delete(key);
  }

  activated_by(): string {
    return this.activatedBy;
  }

  optional({ limit = 7 } = {}): number {
    return limit;
  }

  photograph(photo: Payload): Payload {
    return new Payload(`${photo.contentType}+seen`, photo.body.slice().reverse());
  }

  crash(): void {
    (undefined as unknown as { x(): void }).x();
  }

  async wait(): Promise<number> {
    return this.state.total;
  }

  message(): unknown {
    const { message } = this.ctx;
    return [message?.id, message?.method, message?.attempt, String(message?.origin)];
  }

  chance(): unknown[] {
    const bytes = crypto.getRandomValues(new Uint8Array(10_000));
    return [this.ctx.randomBytes(5_000).length, Math.random(), crypto.randomUUID(), bytes.filter((byte) => byte > 0).length > 9_000];
  }

  time(): unknown[] {
    return [this.ctx.now, Date.now(), new Date().getTime(), new Date(5).getTime(), Date.UTC(1970, 0), new Date() instanceof Date];
  }

  _hidden(): void {}

  #secret(): void {}

  override activate(): void {
    this.#secret();
    this.activatedBy = `${this.ctx.origin} ${this.ctx.message === undefined}`;
    if (this.state.note === 'no') throw Failure.failedPrecondition('stays in bed');
  }

  override deactivate(): void {
    this.state.note += 'zzz';
  }
}

export default actor(Ledger, {
  book: { amount: is.integer, fail: is.optional(is.boolean) },
  later: { amount: is.integer },
  price: { item: is.string },
  keys: { limit: is.natural },
  forget: { key: is.string },
  photograph: raw,
});
