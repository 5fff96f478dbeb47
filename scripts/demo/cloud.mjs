import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { callLocally } from '../support/local-https.mjs';
import { ServerProcess } from '../support/server-process.mjs';
import { StepFailed } from './screen.mjs';

/** Routes where clouds talk to each other; everything else is for people and programs of one cloud. */
const WIRE = /^\/(?:ocm\/)?(?:shares|notifications)(?:\/|$)|^\/federation\//;
/** What the file platform of a cloud asks it. */
const BY_PLATFORM = '/api/v1/access/introspect';

/** One of the two clouds: its process, its data, and a way to call its interfaces with the admin token. */
export class Cloud {
  /** What the other cloud, and its own file platform, have asked of this one, in order: `POST /shares` and the status. */
  #heard = [];
  #server;

  /**
   * @param {{ name: string, port: number, data: string, authority: string, screen: import('./screen.mjs').Screen }} options
   * `data` holds the folders of both clouds, `authority` is the file of the development authority.
   */
  constructor({ name, port, data, authority, screen }) {
    this.name = name;
    this.host = `${name}.localhost`;
    this.port = port;
    this.origin = `https://${this.host}:${port}`;
    this.folder = path.join(data, name);
    this.authority = authority;
    this.screen = screen;
  }

  get platformName() {
    return this.name.replace('cloud', 'files');
  }

  get adminTokenFile() {
    return path.join(this.folder, 'admin-token');
  }

  get logFile() {
    return path.join(this.folder, 'server.log');
  }

  get server() {
    return this.#server;
  }

  /** The end of its log, if it has one. */
  get tail() {
    return this.#server?.tail ?? '';
  }

  /** @throws {StepFailed} if something listens on its port already */
  async claimPort() {
    const listener = createServer();
    const code = await new Promise((resolve) => {
      listener.once('error', (error) => resolve(error.code));
      listener.listen(this.port, '127.0.0.1', () => resolve(undefined));
    });
    await new Promise((resolve) => listener.close(resolve));
    if (code === 'EADDRINUSE') {
      throw new StepFailed(`port ${this.port} is in use: end what listens there, or choose others with --ports A,B`);
    }
    if (code) throw new StepFailed(`nothing can listen on port ${this.port} (${code}): choose others with --ports A,B`);
  }

  start() {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#server = new ServerProcess({
      name: this.name,
      logFile: this.logFile,
      onLine: (line) => this.#read(line),
      settings: {
        PUBLIC_ORIGIN: this.origin,
        DISPLAY_NAME: this.name,
        LISTEN_HOST: '127.0.0.1',
        DATA_DIR: this.folder,
        PEER_CA_FILE: this.authority,
        PEER_NETWORK_ALLOW: '127.0.0.0/8,::1/128',
      },
    });
  }

  async stop() {
    await this.#server?.stop();
  }

  /** @throws {StepFailed} if its process has ended by itself */
  mustRun() {
    if (this.#server?.diedBecause) throw new StepFailed(`${this.name} is gone: ${this.#server.diedBecause}`);
  }

  async isReady() {
    this.mustRun();
    const answer = await this.#request('GET', '/health/ready').catch(() => undefined);
    return answer?.status === 200;
  }

  /**
   * Calls the operator's or the host's interface, and shows the call.
   * @param {{ as: string, method: string, path: string, body?: object, expect: number, note?: (body: any) => string }} call
   * @returns {Promise<any>} the body of the answer
   * @throws {StepFailed} if the status is another than expected
   */
  async call({ as, method, path: target, body, expect, note }) {
    const answer = await this.#request(method, target, body).catch((error) => {
      throw new StepFailed(`${method} ${target} at ${this.name} got no answer (${error.code ?? error.message})`);
    });
    const held = answer.status === expect;
    this.screen.call({
      from: as,
      to: this.name,
      method,
      path: shortened(target),
      status: answer.status,
      note: held ? note?.(answer.body) : JSON.stringify(answer.body),
    });
    if (!held) throw new StepFailed(`${method} ${target} at ${this.name} answered ${answer.status}, not ${expect}`);
    return answer.body;
  }

  /**
   * Asks without showing it, for what is asked over and over.
   * @param {string} target
   * @returns {Promise<any>} the body; undefined unless the status is 200
   */
  async peek(target) {
    this.mustRun();
    const answer = await this.#request('GET', target).catch(() => undefined);
    return answer?.status === 200 ? answer.body : undefined;
  }

  /** Every item of a list, page by page. */
  async list(target) {
    const items = [];
    for (let cursor = ''; ; ) {
      const separator = target.includes('?') ? '&' : '?';
      const page = await this.peek(cursor ? `${target}${separator}cursor=${encodeURIComponent(cursor)}` : target);
      items.push(...(page?.items ?? []));
      if (!page?.next) return items;
      cursor = page.next;
    }
  }

  /** How many calls of others have been answered so far: what `heard` counts from. */
  get mark() {
    return this.#heard.length;
  }

  /**
   * Waits until the other cloud, or the file platform, has made a call, which a line of the log shows.
   * @param {string} line such as `POST /shares`
   * @param {number} status what must have been answered
   * @param {number} since a `mark`
   */
  async heard(line, status, since) {
    await this.screen.until(`${line} to arrive at ${this.name}`, () => {
      this.mustRun();
      const calls = this.#heard.slice(since).filter((call) => call.line === line);
      const refused = calls.find((call) => call.status !== status && call.status < 500);
      if (refused) throw new StepFailed(`${this.name} answered ${line} with ${refused.status}, not ${status}`);
      return calls.some((call) => call.status === status);
    });
  }

  #request(method, target, body) {
    const isPublic = target.startsWith('/health/');
    return callLocally({
      url: `${this.origin}${target}`,
      ca: readFileSync(this.authority, 'utf8'),
      method,
      body,
      token: isPublic ? undefined : readFileSync(this.adminTokenFile, 'utf8').trim(),
      headers: method === 'POST' ? { 'idempotency-key': randomUUID() } : {},
    });
  }

  /** A line of its log. One that tells of a call of the other cloud, or of the file platform, is shown at once. */
  #read(line) {
    const said = line.startsWith('{') ? parsed(line) : undefined;
    const from = said?.msg === 'request' ? this.#callerOf(said.route) : undefined;
    if (!from) return;
    this.screen.call({ from, to: this.name, method: said.method, path: said.route, status: said.status });
    this.#heard.push({ line: `${said.method} ${said.route}`, status: said.status });
  }

  /** Who calls a route, if not people. */
  #callerOf(route) {
    if (route === BY_PLATFORM) return this.platformName;
    if (WIRE.test(route)) return this.name === 'cloud1' ? 'cloud2' : 'cloud1';
    return undefined;
  }
}

/** @param {string} line */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Ids of ours are long, and say nothing to a reader. */
function shortened(target) {
  return target.replace(/\/[\w-]{20,}(?=\/|$)/g, '/{id}');
}
