/**
 * The actor type `task`: a to-do item with a status, an assignee and a deadline.
 *
 * A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and
 * tells the assignee's `chat` actor. The change of status and the message are one turn, so neither
 * happens without the other.
 */

import { Actor, Address, Failure, actor, is } from '@greenroom/sdk';

import { STATUSES, beforeOverdue, isFinished, withChange, type Change, type Status } from './status.js';

/** The reminder that fires at the deadline. */
const DEADLINE = 'deadline';
/** Longest title, in characters. */
const TITLE_CHARS_MAX = 200;

interface State {
  title: string | null;
  status: Status;
  assignee: string | null;
  /** Milliseconds since the Unix epoch. */
  deadline: number | null;
  /** The latest changes of status, oldest first. */
  history: Change[];
}

/** A task as others see it. */
export interface TaskView {
  id: string;
  title: string | null;
  status: Status;
  assignee: string | null;
  deadline_ms: number | null;
  history: Change[];
}

/** What this actor needs of a `chat` actor. */
interface Chat {
  task_overdue(note: { title: string | null; deadline_ms: number }): void;
}

/** A to-do item. Every method answers with the whole task. */
export class Task extends Actor<State> {
  state: State = { title: null, status: 'todo', assignee: null, deadline: null, history: [] };

  get_task(): TaskView {
    return this.#view();
  }

  /** Names a new task. */
  create({ title, assignee }: { title: string; assignee?: string }): TaskView {
    if (this.state.title !== null) throw Failure.conflict(`the task is called \`${this.state.title}\` already`);
    if (assignee !== undefined) this.assign_to({ assignee });
    return this.set_title({ title });
  }

  /** Renames the task. */
  set_title({ title }: { title: string }): TaskView {
    if (title === '' || [...title].length > TITLE_CHARS_MAX) {
      throw Failure.invalidArgument(`a title has 1 to ${TITLE_CHARS_MAX} characters`);
    }
    this.state.title = title;
    return this.#view();
  }

  /** Changes the status, whatever it was. A finished task has no deadline. */
  update_status({ status }: { status: Status }): TaskView {
    if (status === 'overdue') {
      throw Failure.failedPrecondition('only a deadline that passes makes a task overdue');
    }
    this.#changeStatus(status);
    if (isFinished(status)) {
      this.ctx.reminders.cancel(DEADLINE);
      this.state.deadline = null;
    }
    return this.#view();
  }

  /** Hands the task to a user, or to nobody. */
  assign_to({ assignee }: { assignee?: string }): TaskView {
    if (assignee !== undefined && !Address.isId(assignee)) {
      throw Failure.invalidArgument('an assignee has 1 to 512 bytes and no control characters');
    }
    this.state.assignee = assignee ?? null;
    return this.#view();
  }

  /** Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one. */
  set_deadline_reminder({ in_ms, at_ms }: { in_ms?: number; at_ms?: number }): TaskView {
    if (isFinished(this.state.status)) {
      throw Failure.failedPrecondition(`the task is ${this.state.status}: it needs no deadline`);
    }
    if ((in_ms === undefined) === (at_ms === undefined)) {
      throw Failure.invalidArgument('give one of the arguments `in_ms` and `at_ms`');
    }
    const { now } = this.ctx;
    const deadline = at_ms ?? now + (in_ms ?? 0);
    if (deadline < now) throw Failure.invalidArgument('argument `at_ms`: it is past');
    this.ctx.reminders.set(DEADLINE, { delayMs: deadline - now }, 'deadline_passed');
    this.state.deadline = deadline;
    if (this.state.status === 'overdue') this.#changeStatus(beforeOverdue(this.state.history));
    return this.#view();
  }

  /** The reminder's method: the task is overdue, and its assignee hears of it. */
  deadline_passed(): TaskView {
    if (!this.ctx.origin.isReminder(DEADLINE)) {
      throw Failure.permissionDenied("only the task's own reminder says that a deadline has passed");
    }
    if (!isFinished(this.state.status)) {
      this.#changeStatus('overdue');
      const { assignee, deadline, title } = this.state;
      if (assignee !== null && deadline !== null) {
        this.ctx.actor<Chat>('chat', assignee).send('task_overdue', { title, deadline_ms: deadline });
      }
    }
    return this.#view();
  }

  #changeStatus(status: Status): void {
    if (this.state.status === status) return;
    this.state.status = status;
    this.state.history = withChange(this.state.history, status, this.ctx.now, this.ctx.origin);
  }

  #view(): TaskView {
    const { title, status, assignee, deadline, history } = this.state;
    return { id: this.ctx.me.id, title, status, assignee, deadline_ms: deadline, history };
  }
}

export default actor(Task, {
  create: { title: is.string, assignee: is.optional(is.string) },
  set_title: { title: is.string },
  update_status: { status: is.oneOf(...STATUSES) },
  assign_to: { assignee: is.optional(is.string) },
  set_deadline_reminder: { in_ms: is.optional(is.natural), at_ms: is.optional(is.natural) },
});
