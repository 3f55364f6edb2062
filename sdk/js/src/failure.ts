/**
 * How an actor refuses a message. A turn that ends in a failure leaves no trace: no write, no
 * reminder, no sent message.
 */

/** What kind of refusal. Each has its HTTP status. */
export type ErrorCode =
  | 'invalid-argument'
  | 'permission-denied'
  | 'not-found'
  | 'conflict'
  | 'failed-precondition'
  | 'resource-exhausted'
  | 'internal'
  | 'unimplemented';

/** An actor's answer to a message that it could not do. Throw it. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    /** What kind of refusal. */
    readonly code: ErrorCode,
    /** The actor's own words, for its caller. */
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** 400: the request itself is wrong, whatever the actor's state. */
  static invalidArgument(message: string, options?: ErrorOptions): Failure {
    return new Failure('invalid-argument', message, options);
  }

  /** 403: not for this sender. */
  static permissionDenied(message: string, options?: ErrorOptions): Failure {
    return new Failure('permission-denied', message, options);
  }

  /** 404: what the request is about is not there. */
  static notFound(message: string, options?: ErrorOptions): Failure {
    return new Failure('not-found', message, options);
  }

  /** 409: it contradicts what is there already. */
  static conflict(message: string, options?: ErrorOptions): Failure {
    return new Failure('conflict', message, options);
  }

  /** 412: not in the actor's present state. */
  static failedPrecondition(message: string, options?: ErrorOptions): Failure {
    return new Failure('failed-precondition', message, options);
  }

  /** 429: a limit is reached. */
  static resourceExhausted(message: string, options?: ErrorOptions): Failure {
    return new Failure('resource-exhausted', message, options);
  }

  /** 500: the actor itself is at fault. */
  static internal(message: string, options?: ErrorOptions): Failure {
    return new Failure('internal', message, options);
  }

  /** 501: the actor has no such method. */
  static unimplemented(message: string, options?: ErrorOptions): Failure {
    return new Failure('unimplemented', message, options);
  }

  /** Whatever was thrown, as a failure: what is none of ours is the actor's own fault. */
  static from(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    if (thrown instanceof Error) return Failure.internal(`${thrown.name}: ${thrown.message}`, { cause: thrown });
    return Failure.internal(String(thrown), { cause: thrown });
  }

  override toString(): string {
    return `${this.code}: ${this.message}`;
  }
}
