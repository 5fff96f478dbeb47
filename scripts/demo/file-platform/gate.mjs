import { callLocally } from '../../support/local-https.mjs';
import { Refusal } from './refusal.mjs';

/** Which permissions of a share allow what. */
const ALLOWED_BY = { read: ['read', 'read_write', 'admin'], write: ['read_write', 'admin'] };

/** What stands in the header, by RFC 6750. Tokens in the query are none: they would end up in logs. */
const BEARER = /^Bearer +([\w.~+/-]+=*)$/i;

/**
 * Lets callers in by the token that they show. What it is worth is asked anew for every request and never kept: whoever
 * loses a share is shut out with the next one.
 */
export class Gate {
  #cloud;

  /** @param {{ origin: string, ca: string, token: string }} cloud our own, and our token of its role `host` */
  constructor(cloud) {
    this.#cloud = cloud;
  }

  /**
   * @param {string} token
   * @param {'read' | 'write'} wish
   * @returns {Promise<{ sub: string, scope: string, share_id: string, owner: string, resource_id: string }>} the share
   * @throws {Refusal} 401 for a token worth nothing, 403 if it does not allow that, 503 if our cloud does not say
   */
  async admit(token, wish) {
    const worth = await this.#ask(token);
    if (worth.active !== true) throw shutOut('Bearer error="invalid_token"');
    if (!ALLOWED_BY[wish].includes(worth.scope)) {
      const challenge = `Bearer error="insufficient_scope", scope="${ALLOWED_BY[wish][0]}"`;
      throw new Refusal(403, 'NOT_ALLOWED', { 'www-authenticate': challenge });
    }
    return worth;
  }

  async #ask(token) {
    const { origin, ca, token: ours } = this.#cloud;
    const url = `${origin}/api/v1/access/introspect`;
    const body = new URLSearchParams({ token });
    const answer = await callLocally({ url, ca, method: 'POST', token: ours, body }).catch((error) => {
      console.error(`introspection got no answer: ${error.message}`);
    });
    if (answer?.status === 200) return answer.body;
    if (answer) console.error(`introspection was answered ${answer.status}`);
    throw new Refusal(503, 'UNAVAILABLE', { 'retry-after': '5' });
  }
}

/**
 * The token of a request.
 * @param {import('node:http').IncomingMessage} request
 * @throws {Refusal} 401 if it shows none
 */
export function tokenOf({ headers }) {
  const token = BEARER.exec(headers.authorization ?? '')?.[1];
  if (!token) throw shutOut('Bearer');
  return token;
}

function shutOut(challenge) {
  return new Refusal(401, 'CLIENT_NOT_AUTHENTICATED', { 'www-authenticate': challenge });
}
