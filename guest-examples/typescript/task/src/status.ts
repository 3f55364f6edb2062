/** How far a task is, and how it got there: a bounded list of changes, each with its number. */

import type { Origin } from '@greenroom/sdk';

/** What a status can be. `overdue` is what becomes of a task whose deadline passes. */
export const STATUSES = ['todo', 'in_progress', 'done', 'cancelled', 'overdue'] as const;

export type Status = (typeof STATUSES)[number];

/** One change of status. */
export interface Change {
  /** 1 for the first change of the task, one more for each further one. */
  sequence: number;
  status: Status;
  at_ms: number;
  /** Who asked for it. */
  by: string;
}

/** Changes that are kept. */
const CHANGES_MAX = 20;

/** Whether there is nothing left to do. */
export function isFinished(status: Status): boolean {
  return status === 'done' || status === 'cancelled';
}

/** `history` with one more change, without the oldest one when there are too many. */
export function withChange(history: Change[], status: Status, at_ms: number, by: Origin): Change[] {
  const sequence = (history.at(-1)?.sequence ?? 0) + 1;
  return [...history, { sequence, status, at_ms, by: by.toString() }].slice(-CHANGES_MAX);
}

/** The status before the deadline passed. */
export function beforeOverdue(history: Change[]): Status {
  return history.findLast((change) => change.status !== 'overdue')?.status ?? 'todo';
}
