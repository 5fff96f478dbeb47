import { Agent, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';

/** Why this cannot begin, or not go on: a sentence for whoever started it. */
export class Unusable extends Error {}

/** Clouds of this machine end in `.localhost`, which not every resolver knows. */
const onLoopback = (_host, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** Without a byte from the other side, in milliseconds. Passwords of a whole call are hashed before it is answered. */
const PATIENCE = 120_000;
/** How often one call is tried: about two minutes, if the cloud does not say when to come back. */
const TRIES = 10;

const NOT_TRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/;

/** The host interface of one cloud. */
export class Connection {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #options;
  #signal;
  /** Whether it ever answered: a cloud that was there is waited for, a wrong name is not. */
  #wasReached = false;

  /**
   * @param {{ url: URL, token: string, ca?: string }} options
   * @param {AbortSignal} signal ends every call
   */
  constructor(options, signal) {
    this.#options = options;
    this.#signal = signal;
  }

  /**
   * One call, again while the cloud says to come back later, or is away for a while. The caller reads the body.
   * @param {string} method
   * @param {string} path
   * @param {{ headers?: Record<string, string>, body?: Buffer, onRetry?: (why: string) => void }} [more]
   * @returns {Promise<import('node:http').IncomingMessage>} whose status is 200
   * @throws {Unusable}
   */
  async call(method, path, { headers = {}, body, onRetry } = {}) {
    for (let tried = 1; ; tried++) {
      const answer = await this.#once(method, path, headers, body).catch((error) => error);
      if (this.#signal.aborted) throw new Unusable('interrupted');
      if (answer.statusCode === 200) return answer;
      const isLater = answer.statusCode ? [429, 503].includes(answer.statusCode) : this.#wasReached;
      const why = answer.statusCode ? await this.#refusal(answer) : this.#explain(answer);
      if (!isLater || NOT_TRUSTED.test(answer.code ?? '') || tried === TRIES) throw new Unusable(why);
      const seconds = Number(answer.headers?.['retry-after']) || Math.min(2 ** tried, 20);
      onRetry?.(`${why}; trying again in ${seconds} s`);
      await pause(seconds * 1_000, undefined, { signal: this.#signal });
    }
  }

  #once(method, path, headers, body) {
    const { url, token, ca } = this.#options;
    const options = {
      method,
      agent: this.#agent,
      signal: this.#signal,
      timeout: PATIENCE,
      ca: ca === undefined ? undefined : [...rootCertificates, ca],
      lookup: url.hostname.endsWith('.localhost') ? onLoopback : undefined,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-length': body.length } : {}),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, url), options, (answer) => {
        this.#wasReached = true;
        resolve(answer);
      });
      outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** @param {import('node:http').IncomingMessage} answer */
  async #refusal(answer) {
    const text = Buffer.concat(await answer.toArray()).toString();
    const where = `${this.#options.url.origin} answered ${answer.statusCode}`;
    if (answer.statusCode === 401) return `${where}: the token is not valid there`;
    if (answer.statusCode === 403) return `${where}: the token has not the role that this needs (see --help)`;
    if (answer.statusCode === 421) return `${where}: the cloud there has another name`;
    return `${where} ${text.slice(0, 500)}`.trim();
  }

  /** @param {NodeJS.ErrnoException} error */
  #explain({ code = '', message }) {
    const { origin, hostname } = this.#options.url;
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `the certificate at ${origin} is for another name`;
    if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${origin} has expired`;
    if (NOT_TRUSTED.test(code)) {
      return `the certificate of ${origin} is not trusted (${code}): name its authority with --ca FILE`;
    }
    if (code === 'ECONNREFUSED') return `nothing listens at ${origin}`;
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${hostname} has no address`;
    return `${origin} cannot be reached (${code || message})`;
  }
}
