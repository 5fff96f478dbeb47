import { request } from 'node:https';

/** Clouds of this machine end in `.localhost`, which not every resolver knows. */
const onLoopback = (_host, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** How long one answer may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * One request to a cloud on this machine, whose certificate must come from `ca`.
 * @param {{ url: string, ca: string, method?: string, token?: string, body?: object | URLSearchParams | string,
 *   headers?: Record<string, string>, as?: { certificate: string, privateKey: string } }} call
 * an object travels as JSON, text as it is; `as`: the client certificate
 * @returns {Promise<{ status: number, body: any }>} the body as JSON, or as text where it is none
 */
export function callLocally({ url, ca, method = 'GET', token, body, headers = {}, as }) {
  const [type, text] = encoded(body);
  const options = {
    method,
    ca,
    cert: as?.certificate,
    key: as?.privateKey,
    lookup: onLoopback,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE),
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
      ...headers,
    },
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, async (answer) => {
      try {
        resolve({ status: answer.statusCode ?? 0, body: parsed(Buffer.concat(await answer.toArray()).toString()) });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

function encoded(body) {
  if (body === undefined) return [];
  if (body instanceof URLSearchParams) return ['application/x-www-form-urlencoded', String(body)];
  return typeof body === 'string' ? ['application/octet-stream', body] : ['application/json', JSON.stringify(body)];
}

/** @param {string} text */
function parsed(text) {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
