import { hash } from '@node-rs/argon2';

/** argon2id with 19 MiB, two passes, one thread (OWASP Password Storage Cheat Sheet); the parameters stand in the hash. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
}
