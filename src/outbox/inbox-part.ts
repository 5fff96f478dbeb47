/** What an `Idempotency-Key` may be. */
export function isIdempotencyKey(key: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(key);
}

/**
 * A part of a `with` that remembers the answer to a key, named `claimed`: its row is there if a key was given and is new.
 * Waits for another call with this key that is under way.
 * @param first number of the first of 4 parameters: relationship, key or null, digest of the message, answer as JSON
 */
export function inboxPart(first: number): string {
  const [peer, key, digest, answer] = Array.from({ length: 4 }, (_, at) => `$${first + at}`);
  return `
  claimed as (
    insert into federation.inbox (peer, key, digest, answer)
    select ${peer}, ${key}, ${digest}, ${answer}::jsonb where ${key}::text is not null
    on conflict do nothing returning key
  )`;
}
