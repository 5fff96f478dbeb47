/** What an `Idempotency-Key` may be. */
export function isIdempotencyKey(key: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(key);
}

/** Key of the turn of those that use one `Idempotency-Key`: whoever has it alone writes the row. @param peer, key SQL */
export const TURN = (peer: string, key: string): string =>
  `hashtextextended('entente inbox ' || ${peer} || ' ' || ${key}, 0)`;

/**
 * For SQL that remembers the answer to a key together with its act; its parameters are the relationship, key or null,
 * digest of the message, answer as JSON.
 */
export interface InboxParts {
  /** A condition: there is no key, or it is new and nobody else uses it now. Does not wait. Holds until the commit. */
  readonly isFree: string;
  /** A part of a `with`, named `claimed`: a row if a key was given and `source` has a row. */
  readonly claimed: string;
}

/** @param first number of the first of the 4 parameters */
export function inboxParts(first: number, source: string): InboxParts {
  const [peer = '', key = '', digest, answer] = Array.from({ length: 4 }, (_, at) => `$${first + at}`);
  return {
    isFree: `case when ${key}::text is null then true
      when exists (select from federation.inbox i where i.peer = ${peer} and i.key = ${key}) then false
      else pg_try_advisory_xact_lock(${TURN(`${peer}::text`, `${key}::text`)}) end`,
    claimed: `
  claimed as (
    insert into federation.inbox (peer, key, digest, answer)
    select ${peer}, ${key}, ${digest}, ${answer}::jsonb from ${source} where ${key}::text is not null
    on conflict do nothing returning key
  )`,
  };
}
