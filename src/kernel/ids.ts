import { randomBytes } from 'node:crypto';

/** An identifier that cannot be guessed: 144 random bits as 24 characters of base64url. */
export function randomId(): string {
  return randomBytes(18).toString('base64url');
}
