import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { inject } from 'vitest';

export type DatabaseAnswer = { readonly url: string; readonly template: string } | { readonly failure: string };

/** SQLSTATE of a database with sessions. */
const STILL_USED = '55006';

export interface FreshDatabase {
  /** `postgres://…` of an empty, migrated database that nobody else uses. */
  readonly url: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
}

/**
 * A database of one's own, for `beforeAll`. The run's first call starts the server (about a second), later ones copy the
 * template (about 30 ms). `TEST_DATABASE_URL` names a server to use instead: a role that may create databases.
 */
export async function freshDatabase(): Promise<FreshDatabase> {
  const { url, template } = await askForServer();
  const name = `t_${randomBytes(8).toString('hex')}`;
  await inDatabase(url, `create database ${name} template ${template}`);
  return { url: addressOf(url, name), drop: () => dropDatabase(url, name) };
}

/** Sessions that were closed a moment ago end by themselves: one that is cut off would fail where nobody listens any more. */
async function dropDatabase(url: string, name: string): Promise<void> {
  const deadline = Date.now() + 2_000;
  while (Date.now() < deadline) {
    const isGone = await inDatabase(url, `drop database if exists ${name}`).then(
      () => true,
      (error: { code?: string }) => (error.code === STILL_USED ? false : Promise.reject(error)),
    );
    if (isGone) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await inDatabase(url, `drop database if exists ${name} with (force)`);
}

/** The same server, another database. */
export function addressOf(url: string, database: string): string {
  return url.replace(/^(\w+:\/\/[^/]*\/)[^?]*/, `$1${database}`);
}

export async function inDatabase(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function askForServer(): Promise<Exclude<DatabaseAnswer, { failure: string }>> {
  const answer = JSON.parse(await text(connect(inject('databaseSocket')))) as DatabaseAnswer;
  if ('failure' in answer) throw new Error(`no database to test on: ${answer.failure}`);
  return answer;
}
