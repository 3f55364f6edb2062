/**
 * The actor type `poll`: a question with options, one vote for each voter, results at any time, and
 * an end that comes by itself.
 *
 * The state object has the question and the counts. Who voted for what is kept a voter a key: a vote
 * in a poll of a million writes one voter, not all of them.
 */

import { Actor, Failure, actor, is } from '@greenroom/sdk';

/** The reminder that fires when the poll ends. */
const END = 'end';
const QUESTION_CHARS_MAX = 300;
const OPTIONS_MIN = 2;
const OPTIONS_MAX = 20;
const OPTION_CHARS_MAX = 100;
const VOTER_CHARS_MAX = 100;

interface State {
  phase: 'new' | 'open' | 'closed';
  question: string;
  options: string[];
  /** Votes, in the order of the options. */
  counts: number[];
  /** When it ends by itself, in milliseconds since the Unix epoch; `null` for never. */
  ends_ms: number | null;
}

/** One option and how it does. */
export interface Result {
  option: string;
  votes: number;
  /** Of all votes, in percent with one decimal; 0 without votes. */
  percent: number;
}

/** A poll as everybody sees it. */
export interface PollView {
  id: string;
  question: string;
  open: boolean;
  ends_ms: number | null;
  votes: number;
  /** Best first; equal ones in the order of the options. */
  results: Result[];
  /** Of a closed poll that has votes: the option, or the options, with the most. */
  winners: string[];
}

/** A live poll. */
export class Poll extends Actor<State> {
  state: State = { phase: 'new', question: '', options: [], counts: [], ends_ms: null };

  /** Asks the question. With `closes_in_ms` the poll ends by itself. */
  open({ question, options, closes_in_ms }: { question: string; options: string[]; closes_in_ms?: number }): PollView {
    if (this.state.phase !== 'new') throw Failure.conflict(`the poll asks already: ${this.state.question}`);
    requireLength('question', question, QUESTION_CHARS_MAX);
    const names = options.map((option) => option.trim());
    if (names.length < OPTIONS_MIN || names.length > OPTIONS_MAX) {
      throw Failure.invalidArgument(`argument \`options\`: a poll has ${OPTIONS_MIN} to ${OPTIONS_MAX}`);
    }
    names.forEach((name, position) => requireLength(`options[${position}]`, name, OPTION_CHARS_MAX));
    if (new Set(names).size < names.length) throw Failure.invalidArgument('argument `options`: two are the same');
    const ends_ms = closes_in_ms === undefined ? null : this.ctx.now + closes_in_ms;
    this.state = { phase: 'open', question, options: names, counts: names.map(() => 0), ends_ms };
    if (closes_in_ms !== undefined) this.ctx.reminders.set(END, { delayMs: closes_in_ms }, 'close');
    return this.#view();
  }

  /** Gives the voter's vote to an option, instead of the one that had it. */
  vote({ voter, option }: { voter: string; option: string }): PollView {
    this.#requireOpen();
    requireLength('voter', voter, VOTER_CHARS_MAX);
    const chosen = this.state.options.indexOf(option);
    if (chosen < 0) throw Failure.invalidArgument(`there is no option \`${option}\`; there are ${this.state.options.join(', ')}`);
    const key = voterKey(voter);
    this.#count(this.ctx.state.get<number>(key), -1);
    this.#count(chosen, 1);
    this.ctx.state.set(key, chosen);
    return this.#view();
  }

  /** Takes the voter's vote back. */
  withdraw({ voter }: { voter: string }): PollView {
    this.#requireOpen();
    const key = voterKey(voter);
    const chosen = this.ctx.state.get<number>(key);
    if (chosen === undefined) throw Failure.notFound(`${voter} has not voted`);
    this.#count(chosen, -1);
    this.ctx.state.delete(key);
    return this.#view();
  }

  /** What the voter voted for; `null` for nothing. */
  vote_of({ voter }: { voter: string }): { voter: string; option: string | null } {
    const chosen = this.ctx.state.get<number>(voterKey(voter));
    return { voter, option: chosen === undefined ? null : (this.state.options[chosen] ?? null) };
  }

  results(): PollView {
    if (this.state.phase === 'new') throw Failure.notFound('nobody has opened this poll');
    return this.#view();
  }

  /** Ends the poll: somebody, or its own reminder. */
  close(): PollView {
    this.#requireOpen();
    this.ctx.reminders.cancel(END);
    this.state.phase = 'closed';
    const view = this.#view();
    console.info(`closed with ${view.votes} votes for: ${view.winners.join(', ') || 'nothing'}`);
    return view;
  }

  #requireOpen(): void {
    if (this.state.phase === 'new') throw Failure.failedPrecondition('nobody has opened this poll');
    if (this.state.phase === 'closed') throw Failure.failedPrecondition('the poll is closed');
  }

  #count(option: number | undefined, by: number): void {
    if (option !== undefined) this.state.counts[option] = (this.state.counts[option] ?? 0) + by;
  }

  #view(): PollView {
    const { phase, question, options, counts, ends_ms } = this.state;
    const votes = counts.reduce((sum, count) => sum + count, 0);
    const percent = (count: number): number => (votes === 0 ? 0 : Math.round((1000 * count) / votes) / 10);
    const results = options
      .map((option, position) => ({ option, votes: counts[position] ?? 0, percent: percent(counts[position] ?? 0) }))
      .sort((a, b) => b.votes - a.votes);
    const most = results[0]?.votes ?? 0;
    const winners = phase === 'closed' && most > 0 ? results.filter((result) => result.votes === most) : [];
    return {
      id: this.ctx.me.id,
      question,
      open: phase === 'open',
      ends_ms,
      votes,
      results,
      winners: winners.map(({ option }) => option),
    };
  }
}

function voterKey(voter: string): string {
  return `voter/${voter}`;
}

function requireLength(name: string, text: string, most: number): void {
  const length = [...text].length;
  if (length < 1 || length > most) throw Failure.invalidArgument(`argument \`${name}\`: it has 1 to ${most} characters`);
}

export default actor(Poll, {
  open: { question: is.string, options: is.array(is.string), closes_in_ms: is.optional(is.natural) },
  vote: { voter: is.string, option: is.string },
  withdraw: { voter: is.string },
  vote_of: { voter: is.string },
});
