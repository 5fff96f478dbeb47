import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import path from 'node:path';
import { spkiPin } from '../../dist/transport/certificates.js';
import { callLocally } from '../../scripts/support/local-https.mjs';
import { SERVER } from '../../scripts/support/repository.mjs';
import { freePort, startNode, until } from './parts.mjs';

/** How long a start may take on a machine that has other work, milliseconds. */
const STARTING = 60_000;

/**
 * (c) The product as it is installed, under its default settings: a peer goes through the real handshake, bob gets an
 * account over the host API. What it is allowed beyond the defaults: peers on this machine, under our test authority.
 */
export async function startProduct({ folder, databaseUrl, authority, peer, log, flags }) {
  const port = await freePort();
  const host = 'cloud2.localhost';
  const url = `https://${host}:${port}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = (name, text) => {
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const web = await authority.issue(host);
  const server = startNode({
    script: SERVER,
    flags,
    log,
    env: {
      PUBLIC_ORIGIN: url,
      LISTEN_HOST: '127.0.0.1',
      DATA_DIR: folder,
      DATABASE_URL: databaseUrl,
      SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
      TLS_CERT_FILE: file('web.crt', web.certificate),
      TLS_KEY_FILE: file('web.key', web.privateKey),
      PEER_CA_FILE: file('peer-ca.crt', authority.certificate),
      PEER_NETWORK_ALLOW: '127.0.0.0/8,::1/128',
    },
  });
  const ca = authority.certificate;
  await until(
    'the product is ready',
    async () => {
      if (server.hasEnded()) throw new Error('the product has ended');
      return callLocally({ url: `${url}/health/ready`, ca }).then(
        ({ status }) => status === 200,
        () => false,
      );
    },
    STARTING,
  );
  const token = readFileSync(path.join(folder, 'admin-token'), 'utf8').trim();
  const ask = (method, where, body) => callLocally({ url: url + where, ca, method, token, body }).then(expectSuccess);
  await ask('POST', '/api/v1/accounts', { username: `bob@${host}`, displayName: 'Bob' });
  const scripted = await startPeer(peer);
  try {
    await becomeTrusted(ask, peer);
  } finally {
    await scripted.stop();
  }
  return { server, host, port, recipient: `bob@${host}` };
}

function expectSuccess({ status, body }) {
  if (status >= 300) throw new Error(`the product answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Our operator adds the peer, which confirms under its client certificate. */
async function becomeTrusted(ask, peer) {
  const { id } = await ask('POST', '/admin/services', { url: peer.origin });
  await until('trust is there', async () => (await ask('GET', `/admin/services/${id}`)).state === 'TRUSTED');
}

/** The peer's side of the handshake: takes the request, and confirms it at the endpoint that it names. */
async function startPeer(peer) {
  const { web, credential, authority } = peer;
  const pin = spkiPin(new X509Certificate(credential.certificate));
  const introduction = { origin: peer.origin, endpoint: peer.origin, displayName: peer.host, domains: [peer.host] };
  const server = createServer(
    { cert: web.certificate, key: web.privateKey, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      const asked = JSON.parse(Buffer.concat(await request.toArray()).toString());
      response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"PENDING"}');
      const body = { decision: 'accepted', ...introduction, code: asked.code, version: '1', fingerprint: pin };
      const call = { url: `${asked.endpoint}/federation/trust-confirmations`, method: 'POST', body };
      await callLocally({ ...call, ca: authority.certificate, as: credential });
    },
  );
  await new Promise((resolve) => server.listen(peer.port, '127.0.0.1', resolve));
  const stop = () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    return closed;
  };
  return { stop };
}
