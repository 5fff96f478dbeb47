import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/support/build.mjs';
import { ServerProcess } from '../../scripts/support/server-process.mjs';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { ADMIN_TOKEN, eventually, freePort } from '../support/cloud.js';
import { freshDatabase } from '../support/database.js';
import { call } from '../support/hostile-peer.js';

const SHARES = 40;

/** A cloud as a process of its own, on a database that outlives it. */
class CloudProcess {
  readonly host: string;
  readonly origin: string;
  private process: ServerProcess | undefined;
  private readonly seal = randomBytes(32).toString('base64');

  constructor(
    private readonly name: string,
    port: number,
    private readonly folder: string,
    private readonly database: string,
    private readonly authority: CertificateAuthority,
  ) {
    this.host = `${name}.localhost`;
    this.origin = `https://${this.host}:${port}`;
  }

  async start(): Promise<void> {
    const dataDir = path.join(this.folder, this.name);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const file = (name: string, text: string) => {
      writeFileSync(path.join(dataDir, name), text, { mode: 0o600 });
      return path.join(dataDir, name);
    };
    const web = await this.authority.issue(this.host);
    this.process = new ServerProcess({
      name: this.name,
      logFile: path.join(this.folder, `${this.name}.log`),
      settings: {
        PUBLIC_ORIGIN: this.origin,
        DATABASE_URL: this.database,
        DATA_DIR: dataDir,
        SEAL_KEY_FILE: file('seal.key', this.seal),
        ADMIN_TOKEN: ADMIN_TOKEN,
        TLS_CERT_FILE: file('web.crt', web.certificate),
        TLS_KEY_FILE: file('web.key', web.privateKey),
        PEER_CA_FILE: file('ca.crt', this.authority.certificate),
        PEER_NETWORK_ALLOW: '127.0.0.0/8,::1/128',
        LISTEN_HOST: '127.0.0.1',
      },
    });
    const ready = async () => {
      if (this.process?.diedBecause) throw new Error(`${this.name}: ${this.process.diedBecause}\n${this.process.tail}`);
      const answer = await call(this.origin, { path: '/health/ready' }).catch(() => undefined);
      return answer?.status === 200;
    };
    await eventually(`${this.name} is ready`, ready, 30_000);
  }

  /** As a power cut would. */
  async killed(): Promise<void> {
    this.process?.kill();
    await this.process?.ended;
  }

  /** How it ended, as a sentence. */
  async stop(): Promise<string | undefined> {
    await this.process?.stop();
    return this.process?.ended;
  }

  async json<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await call(this.origin, { method, path, body, headers });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json as T;
  }

  async rows<Row = Record<string, unknown>>(sql: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.database });
    await client.connect();
    try {
      return (await client.query(sql)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  /** Lets the time pass that a lease or a wait for another attempt would take. */
  letTimePass(): Promise<unknown> {
    return this.rows(
      `update federation.delivery set due_at = now(), lease_until = least(lease_until, now() - interval '1 second')
       where state = 'waiting'`,
    );
  }
}

describe('two processes, one of them killed', () => {
  let folder: string;
  let one: CloudProcess;
  let two: CloudProcess;
  const databases: Awaited<ReturnType<typeof freshDatabase>>[] = [];

  beforeAll(async () => {
    expect(await buildIfStale()).toMatchObject({ ok: true });
    folder = mkdtempSync(path.join(os.tmpdir(), 'entente-crash-'));
    databases.push(await freshDatabase(), await freshDatabase());
    const authority = await CertificateAuthority.create('Test CA');
    const [first, second] = databases;
    one = new CloudProcess('cloud1', await freePort(), folder, first?.url ?? '', authority);
    two = new CloudProcess('cloud2', await freePort(), folder, second?.url ?? '', authority);
    await Promise.all([one.start(), two.start()]);
  }, 90_000);

  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    await Promise.all(databases.map((database) => database.drop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps every share that was acknowledged, and delivers each once', async () => {
    await one.json('POST', '/admin/services', { url: two.origin });
    const invited = await eventually('cloud 2 is asked', async () => {
      const { items } = await two.json<{ items: { id: string; state: string }[] }>('GET', '/admin/services');
      return items.find(({ state }) => state === 'INVITED');
    });
    await two.json('POST', `/admin/services/${invited.id}/accept`);
    for (const cloud of [one, two]) {
      await eventually('trust', async () => {
        const { items } = await cloud.json<{ items: { state: string }[] }>('GET', '/admin/services');
        return items.some(({ state }) => state === 'TRUSTED');
      });
    }
    await one.json('POST', '/api/v1/accounts', { username: `alice@${one.host}`, displayName: 'Alice' });
    await two.json('POST', '/api/v1/accounts', { username: `bob@${two.host}`, displayName: 'Bob' });
    mkdirSync(path.join(folder, 'cloud1/resources', `alice@${one.host}`, 'notes'), { recursive: true });

    const acknowledged: string[] = [];
    const offer = async () => {
      const share = await one.json<{ shareId: string }>('POST', '/api/v1/shares/outgoing', {
        owner: `alice@${one.host}`,
        shareWith: `bob@${two.host}`,
        name: 'Notes',
        resourceId: 'notes',
        permission: 'read',
      });
      acknowledged.push(share.shareId);
      if (acknowledged.length === SHARES / 2) await one.killed();
    };
    const outcomes = await Promise.allSettled(Array.from({ length: SHARES }, offer));
    expect(acknowledged.length).toBeGreaterThanOrEqual(SHARES / 2);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    await two.killed();
    await Promise.all([one.start(), two.start()]);
    await one.letTimePass();

    await eventually(
      'everything is delivered',
      async () => {
        const [waiting] = await one.rows<{ count: string }>(
          `select count(*) from federation.delivery where state = 'waiting'`,
        );
        return waiting?.count === '0';
      },
      20_000,
    );
    const sent = await one.rows<{ share_id: string }>(
      `select share_id from federation.outgoing_share where state = 'pending' order by share_id`,
    );
    const received = await two.rows<{ share_id: string }>(
      `select share_id from federation.incoming_share where state = 'pending' order by share_id`,
    );
    expect(received).toEqual(sent);
    expect(sent.map(({ share_id }) => share_id)).toEqual(expect.arrayContaining(acknowledged));
    for (const cloud of [one, two]) {
      expect(await cloud.json('GET', '/admin/audit/verify')).toMatchObject({ verdict: 'intact' });
    }
  }, 60_000);

  it('stops with exit code 0 when it is asked to', async () => {
    expect(await one.stop()).toBe('it ended with code 0');
    expect(await two.stop()).toBe('it ended with code 0');
    expect(await one.rows(`select id from federation.delivery where lease_until > now()`)).toEqual([]);
  }, 40_000);
});
