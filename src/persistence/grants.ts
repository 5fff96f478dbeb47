import pg from 'pg';
import { SCHEMA } from './connection.js';

/** Tables in which the application may add rows and never touch one again. */
const APPEND_ONLY = ['audit_entry', 'audit_link'];

/** The role that a connection URL leads to. */
export async function roleOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ role: string }>('select current_user as role');
    return rows[0]?.role ?? '';
  } finally {
    await client.end();
  }
}

/**
 * What the application's own role may do in a schema that it does not own; nothing if it is the owner after all. Said again
 * after every migration, all at once: at no moment may it do more.
 */
export async function grantToApplication(owner: pg.Client, role: string): Promise<void> {
  const { rows } = await owner.query<{ role: string }>('select current_user as role');
  if (rows[0]?.role === role) return;
  await owner.query('begin');
  try {
    await grant(owner, pg.escapeIdentifier(role));
    await owner.query('commit');
  } catch (error) {
    await owner.query('rollback');
    throw error;
  }
}

async function grant(owner: pg.Client, name: string): Promise<void> {
  const appendOnly = APPEND_ONLY.map((table) => `${SCHEMA}.${table}`).join(', ');
  await owner.query(`grant usage on schema ${SCHEMA} to ${name}`);
  await owner.query(`grant select, insert, update, delete on all tables in schema ${SCHEMA} to ${name}`);
  await owner.query(`revoke update, delete, truncate on ${appendOnly} from ${name}`);
  await owner.query(`revoke insert, update, delete, truncate on ${SCHEMA}.migration from ${name}`);
}
