import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { ServerProcess } from '../../scripts/support/server-process.mjs';
import type { CertificateAuthority } from '../../src/transport/certificates.js';
import { ADMIN_TOKEN, eventually } from './cloud.js';
import { call } from './hostile-peer.js';

/** A cloud as a process of its own, on a database that outlives it. */
export class CloudProcess {
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
