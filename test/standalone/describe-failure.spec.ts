import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../src/standalone/describe-start.js';
import { EmbeddedPostgresUnavailable } from '../../src/standalone/postgres-binaries.js';
import { SettingsRefused } from '../../src/standalone/setting.js';

const failureOf = async (work: () => Promise<unknown>): Promise<unknown> =>
  work().then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a start that failed', () => {
  it('lists every bad setting', () => {
    expect(describeFailure(new SettingsRefused(['A is bad', 'B is bad']))).toBe('A is bad\nB is bad');
  });

  it('says that the embedded database is not to be had', () => {
    expect(describeFailure(new EmbeddedPostgresUnavailable('no. Set DATABASE_URL.'))).toBe(
      'The embedded PostgreSQL cannot be started: no. Set DATABASE_URL.',
    );
  });

  it('names the port that is taken', async () => {
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const { port } = first.address() as { port: number };
    const error = await failureOf(
      () => new Promise((_, reject) => createServer().once('error', reject).listen(port, '127.0.0.1')),
    );
    first.close();

    expect(describeFailure(error)).toBe(
      `Port ${port} is in use by another program. End that one, or set LISTEN_PORT or FEDERATION_LISTEN_PORT.`,
    );
  });

  it('names the setting of a socket that is taken', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'entente-')), 'taken.sock');
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(path, resolve));
    const error = await failureOf(() => new Promise((_, reject) => createServer().once('error', reject).listen(path)));
    first.close();

    expect(describeFailure(error)).toBe('Another process listens on LISTEN_SOCKET. End that one.');
    rmSync(dirname(path), { recursive: true });
  });

  it.each(['localhost:1', '127.0.0.1:1', 'nobody.invalid'])(
    'says that the database at %s cannot be used',
    async (host) => {
      const error = await failureOf(() =>
        new pg.Client({ connectionString: `postgres://user:hunter2@${host}/db` }).connect(),
      );

      expect(describeFailure(error)).toMatch(/^The database cannot be used \(.+\)\. Check DATABASE_URL\.$/);
      expect(describeFailure(error)).not.toContain('hunter2');
    },
  );

  it('says that the database does not let us in', () => {
    const error = Object.assign(new Error('password authentication failed for user "entente"'), { code: '28P01' });

    expect(describeFailure(error)).toBe(
      'The database cannot be used (password authentication failed for user "entente"). Check DATABASE_URL.',
    );
  });

  it.each([
    [new Error('something else'), 'something else'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
  ])('says what it can of anything else: %s', (error, text) => {
    expect(describeFailure(error)).toBe(`The server cannot start: ${text}`);
  });
});
