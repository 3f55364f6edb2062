/** Why a call to another actor brought no reply, and what that means for the caller's own caller. */

import type { Address } from './address.js';
import { Failure, type ErrorCode } from './failure.js';

/** What went wrong with a call. */
export type CallErrorKind =
  /** The callee ran and answered with a failure. */
  | 'failed'
  /** Nothing is deployed under that actor type. */
  | 'unknown-actor-type'
  /** The callee already waits for this very call chain. */
  | 'deadlock'
  /** The callee's mailbox is full. */
  | 'overloaded'
  /** No reply before the deadline. The callee may still run. */
  | 'timeout'
  /** The callee trapped, or exceeded a limit. */
  | 'crashed'
  /** The callee can't be reached now. */
  | 'unavailable'
  /** The callee did what was asked, but its reply is not JSON. */
  | 'invalid-reply';

/** A call's refusal, as the host tells it. */
export interface Refusal {
  readonly kind: CallErrorKind;
  /** The chain of a deadlock, the limit that was passed and the like; may be empty. */
  readonly detail: string;
  /** The code of a failure of the callee. */
  readonly code?: ErrorCode;
}

const WORDS: Record<Exclude<CallErrorKind, 'failed'>, string> = {
  'unknown-actor-type': 'nothing is deployed under that actor type',
  deadlock: 'it waits for this very call',
  overloaded: 'its mailbox is full',
  timeout: 'no reply before the deadline',
  crashed: 'it crashed',
  unavailable: "it can't be reached",
  'invalid-reply': 'the reply is not what was expected',
};

const CODES: Partial<Record<CallErrorKind, ErrorCode>> = {
  'unknown-actor-type': 'failed-precondition',
  deadlock: 'conflict',
  overloaded: 'resource-exhausted',
};

/**
 * A call that brought no reply. It is a failure like any other, so an actor that does not catch it
 * fails with it: the callee's own failure keeps its code, and the message names the call.
 */
export class CallError extends Failure {
  /** What went wrong. */
  readonly kind: CallErrorKind;
  /** More about it, in words: of a callee that failed, its message. */
  readonly detail: string;

  constructor(
    /** Whom the call went to. */
    readonly to: Address,
    /** What was asked. */
    readonly method: string,
    refusal: Refusal,
  ) {
    const code = refusal.code ?? CODES[refusal.kind] ?? 'internal';
    super(code, `call ${to} ${method}: ${reason(refusal)}`);
    this.kind = refusal.kind;
    this.detail = refusal.detail;
  }

  /** What went wrong, in words, without the name of the call. */
  get reason(): string {
    return reason({ kind: this.kind, detail: this.detail });
  }
}

function reason({ kind, detail }: Refusal): string {
  if (kind === 'failed') return detail;
  return detail === '' ? WORDS[kind] : `${WORDS[kind]}: ${detail}`;
}
