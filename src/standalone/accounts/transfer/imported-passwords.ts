import { Injectable } from '@nestjs/common';
import { Transactions } from '../../../index.js';
import { hashPassword, isPasswordOf } from '../passwords.js';

interface Given {
  readonly username: string;
  readonly password?: string;
}

/** How many of one call are worked on at a time: whoever sets a single password meanwhile need not wait for all of them. */
const WORKERS = 2;

/** Passwords of lines that bring them as text. */
@Injectable()
export class ImportedPasswords {
  constructor(private readonly transactions: Transactions) {}

  /**
   * For each line the hash to keep; undefined where it brings no password. One that the account has already keeps its
   * hash, so that the line changes nothing. Takes 20 to 50 ms for each: not for transactions.
   */
  async hash(lines: readonly Given[]): Promise<(string | undefined)[]> {
    const present = await this.presentHashes(lines);
    const hashes: (string | undefined)[] = new Array(lines.length).fill(undefined);
    const rest = lines.entries();
    const work = async () => {
      for (const [at, { username, password }] of rest) {
        if (password !== undefined) hashes[at] = await hashOf(password, present.get(username));
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    return hashes;
  }

  private async presentHashes(lines: readonly Given[]): Promise<Map<string, string>> {
    const usernames = lines.flatMap(({ username, password }) => (password === undefined ? [] : [username]));
    if (usernames.length === 0) return new Map();
    const rows = await this.transactions.query<{ username: string; hash: string }>(
      `select username, password_hash as hash from federation.account
       where username = any($1) and password_hash is not null`,
      [usernames],
    );
    return new Map(rows.map(({ username, hash }) => [username, hash]));
  }
}

async function hashOf(password: string, present: string | undefined): Promise<string> {
  if (present !== undefined && (await isPasswordOf(present, password))) return present;
  return hashPassword(password);
}
