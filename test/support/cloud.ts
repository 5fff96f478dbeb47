import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Module, type Type } from '@nestjs/common';
import pg from 'pg';
import { FederationModule, type FederationOptions, Secret } from '../../src/index.js';
import { PinoLogger } from '../../src/operations/logging.js';
import { type ListenAddress, type RunningFederation, startFederationServer } from '../../src/operations/server.js';
import { STANDALONE_MIGRATIONS } from '../../src/standalone/migrations.js';
import { AccountsModule, STANDALONE_ENTITIES, StandaloneModule } from '../../src/standalone/standalone.module.js';
import { StandaloneOptions } from '../../src/standalone/standalone-options.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { freshDatabase } from './database.js';
import { type CallOptions, type CallResult, call } from './hostile-peer.js';

export const ADMIN_TOKEN = 'the-bootstrap-token-of-a-cloud-under-test';

export interface CloudSetup {
  /** `cloud1` → `https://cloud1.localhost:<free port>` */
  readonly name: string;
  readonly authority: CertificateAuthority;
  readonly options?: Partial<FederationOptions>;
  /** The federation's calls arrive on a listener of their own. */
  readonly ownListener?: boolean;
  readonly onLog?: (line: string) => void;
  /** Routes beside the product's own. */
  readonly controllers?: Type[];
  /** Listens here in plain HTTP: at the port of its origin stands a proxy, which `options` name. */
  readonly behindProxy?: ListenAddress;
}

/** Below the ports that systems give to callers by themselves: none of our own connections takes it in the meantime. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A whole cloud in this process: its own database, certificates, listener, and the adapters of the standalone server. */
export class TestCloud {
  private constructor(
    readonly origin: string,
    readonly host: string,
    readonly databaseUrl: string,
    private readonly setup: CloudSetup,
    private readonly options: FederationOptions,
    private readonly folder: string,
    private readonly ports: { readonly port: number; readonly federationPort: number },
    private readonly drop: () => Promise<void>,
  ) {}

  private running: RunningFederation | undefined;

  static async start(setup: CloudSetup): Promise<TestCloud> {
    const host = `${setup.name}.localhost`;
    const ports = { port: await freePort(), federationPort: await freePort() };
    const origin = `https://${host}:${ports.port}`;
    const { url, drop } = await freshDatabase();
    const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-cloud-'));
    const options: FederationOptions = {
      publicOrigin: origin,
      federationOrigin: setup.ownListener ? `https://${host}:${ports.federationPort}` : undefined,
      sealKey: randomBytes(32),
      adminToken: new Secret(ADMIN_TOKEN),
      outbound: { allowNetworks: ['127.0.0.0/8', '::1/128'], extraRoots: [setup.authority.certificate] },
      ...setup.options,
      database: { url, entities: STANDALONE_ENTITIES, migrations: STANDALONE_MIGRATIONS },
    };
    const cloud = new TestCloud(origin, host, url, setup, options, folder, ports, drop);
    await cloud.up();
    return cloud;
  }

  /** Where peers' calls arrive. */
  get endpoint(): string {
    return this.options.federationOrigin ?? this.origin;
  }

  /** Where the listener for peers really is: a proxy may stand before it, under the port of `federationOrigin`. */
  get federationPort(): number {
    return this.ports.federationPort;
  }

  get fingerprint(): string {
    return this.server().describe().federationFingerprint;
  }

  /** Starts the process again after `down`, on the same database; `changed`: with other options this time. */
  async up(changed: Partial<FederationOptions> = {}): Promise<void> {
    this.running = await this.node(this.ports, changed);
  }

  /** Another process of the same cloud, on the same database, at a port of its own. To be stopped before the cloud is. */
  async anotherNode(changed: Partial<FederationOptions> = {}): Promise<RunningFederation> {
    return this.node({ port: 0 }, changed);
  }

  private async node(
    ports: { readonly port: number; readonly federationPort?: number },
    changed: Partial<FederationOptions>,
  ): Promise<RunningFederation> {
    const options = { ...this.options, ...changed };
    const web = await this.setup.authority.issue(this.host);
    const standalone = new StandaloneOptions(options.domains ?? [this.host], this.folder);
    const federation = FederationModule.forRoot({ ...options, ports: StandaloneModule.ports(standalone) });
    const { onLog, controllers, behindProxy } = this.setup;
    @Module({ imports: [federation, AccountsModule.above(federation, standalone)], controllers })
    class Server {}
    return startFederationServer(Server, {
      federation: options,
      listen: behindProxy ?? { host: '127.0.0.1', ...ports },
      web: behindProxy ? undefined : { certificate: web.certificate, privateKey: new Secret(web.privateKey) },
      logger: new PinoLogger(onLog ? 'debug' : 'fatal', { write: onLog ?? (() => undefined) }),
    });
  }

  /** Stops the server; database and ports stay reserved for `up`. */
  async down(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  async stop(): Promise<void> {
    await this.down();
    await this.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A provider of the running application, for what has no route. */
  get<T>(type: Type<T> | (abstract new (...args: never[]) => T)): T {
    return this.server().app.get<T>(type as Type<T>, { strict: false });
  }

  /** A call to the operator or host API under the bootstrap token. */
  api(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<CallResult> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, ...options.headers };
    return call(this.origin, { ...options, method, path, body, headers, ca: this.setup.authority.certificate });
  }

  /** The JSON of a call that has to succeed. */
  async json<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json as T;
  }

  /** The rows of a query, as the database has them. */
  async rows<Row = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }

  async createAccount(name: string): Promise<string> {
    const username = `${name}@${this.host}`;
    await this.json('POST', '/api/v1/accounts', { username, displayName: name });
    return username;
  }

  /** A folder that the account can share. */
  makeResource(username: string, resourceId: string): void {
    const folder = path.join(this.folder, username, resourceId);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'notes.txt'), 'field notes');
  }

  /**
   * Makes deliveries that wait for another attempt due at once: each in a transaction of its own, for the cloud takes
   * several locks in an order that this one does not know.
   */
  async retryNow(): Promise<void> {
    const waiting = await this.rows<{ id: string }>(`select id from federation.delivery where state = 'waiting'`);
    for (const { id } of waiting) {
      await this.rows(`update federation.delivery set due_at = now() where id = $1 and state = 'waiting'`, id);
    }
  }

  private server(): RunningFederation {
    if (!this.running) throw new Error(`${this.origin} is down`);
    return this.running;
  }
}

interface Service {
  readonly id: string;
  readonly origin: string;
  readonly state: string;
  readonly reason: string | null;
  readonly fingerprint: string | null;
}

/** What a cloud's operator sees of another cloud, the latest first. */
export async function serviceOf(cloud: TestCloud, origin: string): Promise<Service | undefined> {
  const { items } = await cloud.json<{ items: Service[] }>('GET', '/admin/services');
  return items.find((service) => service.origin === origin);
}

/** Waits until the probe gives something; fails with the last thing it saw. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>, ms = 8_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export function inState(cloud: TestCloud, origin: string, state: string): Promise<Service> {
  return eventually(`${cloud.origin} sees ${origin} ${state}`, async () => {
    const service = await serviceOf(cloud, origin);
    return service?.state === state && service;
  });
}

/** The whole handshake: A asks, B's operator accepts, both trust. */
export async function establishTrust(a: TestCloud, b: TestCloud): Promise<void> {
  await a.json('POST', '/admin/services', { url: b.origin });
  const invited = await inState(b, a.origin, 'INVITED');
  await b.json('POST', `/admin/services/${invited.id}/accept`, { fingerprint: a.fingerprint });
  await inState(a, b.origin, 'TRUSTED');
  await inState(b, a.origin, 'TRUSTED');
}
