import { parseOptions } from '@node-rs/argon2';
import { ValidateBy } from 'class-validator';

/** Work is memory in KiB times passes. The least is what OWASP's Password Storage Cheat Sheet asks of argon2id at least. */
const WORK = { least: 35_840, most: 1_048_576 };
const MOST = { memory: 262_144, passes: 10, threads: 16 };

/** A hash that another directory made: argon2id, version 19, in PHC form, neither weak nor a burden at every sign-in. */
export function IsPasswordHash(): PropertyDecorator {
  return ValidateBy({
    name: 'isPasswordHash',
    validator: {
      validate: (value) => problemOf(value) === undefined,
      defaultMessage: (args) => problemOf(args?.value) ?? '',
    },
  });
}

function problemOf(value: unknown): string | undefined {
  const hash = typeof value === 'string' ? read(value) : undefined;
  if (!hash) return 'INVALID';
  const { memoryCost: memory, timeCost: passes, parallelism: threads } = hash;
  if (memory > MOST.memory || passes > MOST.passes || threads > MOST.threads) return 'TOO_COSTLY';
  if (memory * passes > WORK.most) return 'TOO_COSTLY';
  return memory * passes < WORK.least || hash.outputLen < 16 ? 'TOO_WEAK' : undefined;
}

function read(text: string) {
  if (text.length > 300 || !text.startsWith('$argon2id$v=19$')) return undefined;
  try {
    return parseOptions(text);
  } catch {
    return undefined; // it says only that it cannot be read
  }
}
