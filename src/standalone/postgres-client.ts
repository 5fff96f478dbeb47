import pg from 'pg';

/** Whether the server takes sessions: not yet while it recovers, no more while it shuts down. */
export async function answers(socketFolder: string): Promise<boolean> {
  return withClient(urlOf(socketFolder, 'postgres'), () => Promise.resolve(true)).catch(() => false);
}

/** Makes the database unless it is there. */
export async function makeDatabase(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount) return;
    await client.query(`create database ${pg.escapeIdentifier(name)}`).catch(unlessMadeMeanwhile);
  });
}

function unlessMadeMeanwhile(error: unknown): void {
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  if (code !== '42P04' && code !== '23505') throw error;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What both `pg` and TypeORM take for a server on a unix socket. */
export function urlOf(socketFolder: string, database: string): string {
  return `postgres://postgres@/${encodeURIComponent(database)}?host=${encodeURIComponent(socketFolder)}`;
}
