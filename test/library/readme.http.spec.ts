import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/support/build.mjs';
import { run } from '../../scripts/support/run.mjs';
import { CertificateAuthority } from '../../src/index.js';
import { eventually, freePort } from '../support/cloud.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { call } from '../support/hostile-peer.js';
import { Consumer } from './consumer.js';

describe('the example of the README', () => {
  const consumer = Consumer.ofReadme();
  let database: FreshDatabase;
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    const [, fresh] = await Promise.all([buildIfStale(), freshDatabase()]);
    database = fresh;
    expect(await consumer.compile()).toEqual({ code: 0, output: '' });
  }, 120_000);

  afterAll(async () => {
    server?.kill('SIGKILL');
    consumer.remove();
    await database?.drop();
  });

  it('starts, is ready, and stops when it is told to', async () => {
    const authority = await CertificateAuthority.create('Test CA');
    const web = await authority.issue('cloud1.localhost');
    consumer.write('web.crt', web.certificate);
    consumer.write('web.key', web.privateKey);
    consumer.write('seal.key', randomBytes(32).toString('base64'));
    consumer.write('admin-token', randomBytes(32).toString('hex'));
    const port = await freePort();
    const origin = `https://cloud1.localhost:${port}`;
    server = spawn(process.execPath, [consumer.compiled('main.js')], {
      env: { ...process.env, ORIGIN: origin, PORT: String(port), KEYS: consumer.folder, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = Promise.all([server.stdout, server.stderr].map((stream) => (stream ? text(stream) : '')));
    const ready = () =>
      call(origin, { path: '/health/ready', ca: authority.certificate }).catch((error: { code?: string }) => {
        if (error.code !== 'ECONNREFUSED' || server?.exitCode !== null) throw error;
        return undefined;
      });
    const answer = await eventually('it listens', ready, 20_000);
    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    expect(code, (await said).join('\n')).toBe(0);
  }, 40_000);

  it('has an adapter that keeps the contract of its port, under a runner that is not ours', async () => {
    const { code, output } = await run(process.execPath, ['--test', consumer.compiled('people.test.js')]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^. pass 6$/m);
  }, 30_000);
});
