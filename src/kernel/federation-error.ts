/**
 * What kind of thing went wrong, from a closed list. The HTTP edge owns the one table that turns a kind into a status
 * (`ocm/http/ocm-error.filter.ts`); nothing else in the code knows statuses of ours.
 */
export const ERROR_KINDS = [
  'invalid',
  'unauthenticated',
  'forbidden',
  'missing',
  'conflict',
  'too-large',
  'unsupported-media',
  'misdirected',
  'too-many',
  'not-offered',
  'unavailable',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** One field that was refused: `name` as the caller wrote it, `message` a stable UPPER_SNAKE code. */
export interface FieldError {
  readonly name: string;
  readonly message: string;
}

export interface FederationErrorDetails {
  /** Which fields were refused; only for kind `invalid`. */
  readonly fields?: readonly FieldError[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
  /** For the log and the audit trail only; never sent to the caller. */
  readonly internal?: string;
  readonly cause?: unknown;
}

/**
 * Base of everything that we refuse on purpose. `code` is the stable UPPER_SNAKE word that callers see as `message`;
 * it never changes its meaning. The text of the error itself stays inside.
 */
export class FederationError extends Error {
  constructor(
    readonly kind: ErrorKind,
    readonly code: string,
    readonly details: FederationErrorDetails = {},
  ) {
    super(details.internal ?? code, { cause: details.cause });
    this.name = new.target.name;
  }
}

/** The caller's input is malformed or refers to something that is not there. */
export class ValidationFailed extends FederationError {
  constructor(fields: readonly FieldError[], internal?: string) {
    super('invalid', 'VALIDATION_FAILED', { fields, internal });
  }

  static of(name: string, message: string): ValidationFailed {
    return new ValidationFailed([{ name, message }]);
  }
}

/** No such thing, or not the caller's: the two cannot be told apart. */
export class NotFound extends FederationError {
  constructor(internal?: string) {
    super('missing', 'RESOURCE_NOT_FOUND', { internal });
  }
}

/** The present state forbids the act. */
export class StateConflict extends FederationError {
  constructor(internal?: string) {
    super('conflict', 'STATE_CONFLICT', { internal });
  }
}
