import { randomBytes } from 'node:crypto';

/** Of one identifier. */
const BYTES = 18;

/** Random bytes fetched ahead: asking for many at once costs hardly more than asking for a few. */
let pool = Buffer.alloc(0);
let used = 0;

/** An identifier that cannot be guessed: 144 random bits as 24 characters of base64url. */
export function randomId(): string {
  if (used === pool.length) {
    pool = randomBytes(BYTES * 128);
    used = 0;
  }
  used += BYTES;
  return pool.toString('base64url', used - BYTES, used);
}
