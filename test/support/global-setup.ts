import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import type { DatabaseAnswer } from './database.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whoever connects to this unix socket is answered a `DatabaseAnswer` as JSON. */
    databaseSocket: string;
  }
}

interface TestServer {
  readonly url: string;
  /** The migrated database that tests' databases are copied from. */
  readonly template: string;
  stop(): Promise<void>;
}

/** One server for the run, started when the first test asks for a database: runs of pure tests never wait for it. */
export default function setup(project: TestProject): () => Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-test-'));
  let server: Promise<TestServer> | undefined;
  const asked = createServer((socket) => {
    server ??= startServer(path.join(folder, 'data'));
    // Whoever asked may have been ended by its time limit.
    socket.on('error', () => socket.destroy());
    server
      .then(({ url, template }): DatabaseAnswer => ({ url, template }))
      .catch((error: unknown): DatabaseAnswer => ({ failure: String(error) }))
      .then((answer) => socket.end(JSON.stringify(answer)));
  });
  asked.listen(path.join(folder, 'ask'));
  project.provide('databaseSocket', path.join(folder, 'ask'));
  return async () => {
    asked.close();
    await server?.then(({ stop }) => stop()).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
}

/** A new server of our own, or the one that `TEST_DATABASE_URL` names. */
async function startServer(dataDir: string): Promise<TestServer> {
  const { migrate } = await import('../../src/persistence/migrate.js');
  const { STANDALONE_MIGRATIONS } = await import('../../src/standalone/migrations.js');
  const { addressOf, inDatabase } = await import('./database.js');
  const template = `t_template_${process.pid}`;
  const url = process.env.TEST_DATABASE_URL;
  if (url) {
    await inDatabase(url, `create database ${template}`);
    await migrate({ url: addressOf(url, template), migrations: STANDALONE_MIGRATIONS });
    return { url, template, stop: () => inDatabase(url, `drop database ${template} with (force)`) };
  }
  const { startEmbeddedPostgres } = await import('../../src/standalone/embedded-postgres.js');
  const embedded = await startEmbeddedPostgres({ dataDir, database: template, durable: false });
  await migrate({ url: embedded.url, migrations: STANDALONE_MIGRATIONS });
  return { url: embedded.urlFor('postgres'), template, stop: embedded.stop };
}
