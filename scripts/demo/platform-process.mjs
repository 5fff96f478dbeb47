import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { callLocally } from '../support/local-https.mjs';
import { ROOT } from '../support/repository.mjs';
import { ServerProcess } from '../support/server-process.mjs';
import { StepFailed } from './screen.mjs';

const LABEL = 'file platform of the demo';
const INTROSPECTION = 'POST /api/v1/access/introspect';

/** The file platform of a cloud: its process, its data, and a way to call it as somebody who holds a token of a share. */
export class PlatformProcess {
  #port;
  #server;

  /** @param {{ cloud: import('./cloud.mjs').Cloud, data: string, authority: string, screen: import('./screen.mjs').Screen }} options */
  constructor({ cloud, data, authority, screen }) {
    this.cloud = cloud;
    this.name = cloud.platformName;
    this.host = `files.${cloud.host}`;
    this.folder = path.join(data, this.name);
    this.authority = authority;
    this.screen = screen;
  }

  get logFile() {
    return path.join(this.folder, 'server.log');
  }

  get server() {
    return this.#server;
  }

  /** Known once it listens. */
  get origin() {
    return `https://${this.host}:${this.#port}`;
  }

  /** The end of its log, if it has one. */
  get tail() {
    return this.#server?.tail ?? '';
  }

  /** From a token of its own to a process that listens, on any free port. */
  async open() {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const module = path.join(ROOT, 'dist/standalone/development-certificates.js');
    const { keepDevelopmentCertificate } = await import(pathToFileURL(module).href);
    await keepDevelopmentCertificate(this.folder, this.host);
    const tokenFile = path.join(this.folder, 'host-token');
    writeFileSync(tokenFile, `${await this.#issueToken()}\n`, { mode: 0o600 });
    this.#server = new ServerProcess({
      name: this.name,
      program: path.join(ROOT, 'scripts/demo/file-platform.mjs'),
      logFile: this.logFile,
      onLine: (line) => this.#read(line),
      settings: {
        TLS_CERT_FILE: path.join(this.folder, 'web.crt'),
        TLS_KEY_FILE: path.join(this.folder, 'web.key'),
        RESOURCES_DIR: path.join(this.cloud.folder, 'resources'),
        CLOUD_ORIGIN: this.cloud.origin,
        CLOUD_CA_FILE: this.authority,
        CLOUD_TOKEN_FILE: tokenFile,
      },
    });
    await this.screen.until(`${this.name} to listen`, () => this.#listens());
    this.screen.detail(`${this.name} is process ${this.#server.pid}, ${this.origin}; its log is ${this.logFile}`);
  }

  async stop() {
    await this.#server?.stop();
  }

  /**
   * Calls it, and shows what it asks its cloud and what it answers.
   * @param {{ as: string, method: string, path: string, token?: string, body?: string, expect: number, note?: (body: any) => string }} call
   * @returns {Promise<any>} the body of the answer
   * @throws {StepFailed} if the status is another than expected
   */
  async call({ as, method, path: target, token, body, expect, note }) {
    const mark = this.cloud.mark;
    const ca = readFileSync(this.authority, 'utf8');
    const answer = await callLocally({ url: this.origin + target, ca, method, token, body }).catch((error) => {
      throw new StepFailed(`${method} ${target} at ${this.name} got no answer (${error.code ?? error.message})`);
    });
    if (token) await this.cloud.heard(INTROSPECTION, 200, mark);
    const held = answer.status === expect;
    const said = held ? note?.(answer.body) : JSON.stringify(answer.body);
    this.screen.call({ from: as, to: this.name, method, path: target, status: answer.status, note: said });
    if (!held) throw new StepFailed(`${method} ${target} at ${this.name} answered ${answer.status}, not ${expect}`);
    return answer.body;
  }

  /** A new token of the role that may introspect; those of earlier runs end. */
  async #issueToken() {
    const as = 'operator';
    const earlier = (await this.cloud.list('/admin/tokens')).filter(
      ({ label, revokedAt }) => label === LABEL && !revokedAt,
    );
    for (const { id } of earlier) {
      const note = () => 'the token of an earlier run';
      await this.cloud.call({ as, method: 'DELETE', path: `/admin/tokens/${id}`, expect: 204, note });
    }
    const body = { role: 'host', label: LABEL };
    const note = ({ role }) => `a token of the role ${role}`;
    return (await this.cloud.call({ as, method: 'POST', path: '/admin/tokens', body, expect: 201, note })).token;
  }

  #listens() {
    if (this.#server?.diedBecause) throw new StepFailed(`${this.name} is gone: ${this.#server.diedBecause}`);
    return this.#port !== undefined;
  }

  #read(line) {
    if (line.includes('"listening"')) this.#port = JSON.parse(line).port;
  }
}
