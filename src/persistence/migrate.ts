import pg from 'pg';
import { DataSource } from 'typeorm';
import type { DatabaseOptions } from '../host/federation-options.js';
import { SCHEMA } from './connection.js';
import { grantToApplication, roleOf } from './grants.js';
import { MIGRATIONS } from './migrations/index.js';

/** Any number that nobody else locks: the letters "enteMigr" read as a 64-bit integer. */
const MIGRATION_LOCK = '7308613709768287602';

/**
 * Brings the schema up to date, as the schema's owner. Nodes that start together wait for each other on an advisory
 * lock; the second finds nothing left to do. Each migration is one transaction. If the application has a role of its own,
 * that role is granted what it needs and no more.
 */
export async function migrate(options: DatabaseOptions): Promise<void> {
  const url = options.migrationUrl ?? options.url;
  const lock = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await lock.query(`create schema if not exists ${SCHEMA}`);
    const dataSource = new DataSource({
      type: 'postgres',
      url,
      schema: SCHEMA,
      migrations: [...MIGRATIONS, ...Object.values(options.migrations ?? [])],
      migrationsTableName: 'migration',
      migrationsTransactionMode: 'each',
    });
    await dataSource.initialize();
    try {
      await dataSource.runMigrations();
    } finally {
      await dataSource.destroy();
    }
    if (url !== options.url) await grantToApplication(lock, await roleOf(options.url));
  } finally {
    await lock.end();
  }
}
