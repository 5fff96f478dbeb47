import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { eventually, inState, TestCloud } from '../support/cloud.js';
import { call, type HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import { added, ask, CODE, hostileAt, stopAll, trusted } from '../trust/mesh.js';
import { rawExchange, requestText, withoutMoment } from '../trust/raw.js';

const HOST = 'b.localhost';
const JSON_TYPE = 'Content-Type: application/json';
const ROUTES = [
  ['POST', '/shares'],
  ['GET', '/shares'],
  ['GET', '/shares/x'],
  ['POST', '/ocm/shares'],
  ['GET', '/ocm/shares'],
  ['GET', '/ocm/shares/x'],
  ['POST', '/notifications'],
  ['GET', '/notifications'],
  ['GET', '/notifications/x'],
  ['POST', '/ocm/notifications'],
  ['GET', '/ocm/notifications'],
  ['GET', '/ocm/notifications/x'],
  ['DELETE', '/federation/trust'],
  ['PUT', '/federation/trust/certificate'],
  ['POST', '/federation/ping'],
  ['PUT', '/federation/trust/profile'],
] as const;

/** A certificate for the key whose list of names is no list of names. */
async function unreadableNames({ privateKey }: IssuedCertificate): Promise<IssuedCertificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pkcs8 = createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const made = await x509.X509CertificateGenerator.create({
    subject: `CN=${HOST}`,
    issuer: `CN=${HOST}`,
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [new x509.Extension('2.5.29.17', false, new Uint8Array([0x30, 0x7f, 0x01]))],
  });
  return { certificate: made.toString('pem'), privateKey };
}

describe('the guard of peer routes', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let relationship: string;
  const others: HostilePeer[] = [];
  const strangers = new Map<string, IssuedCertificate | undefined>();

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority }), hostileAt(HOST, authority)]);
    relationship = (await trusted(cloud, peer)).id;
    const { privateKey } = peer.credential;
    const variants: [string, Parameters<typeof makeSelfSignedCertificate>[1]][] = [
      ['an unknown key', {}],
      ['an expired certificate', { privateKey, days: -1 }],
      ['a certificate not valid yet', { privateKey, notBefore: new Date(Date.now() + 3_600_000) }],
      ['another name', { privateKey, san: [{ type: 'dns', value: 'evil.localhost' }] }],
      ['a name below', { privateKey, san: [{ type: 'dns', value: `x.${HOST}` }] }],
      ['a name with a dot after it', { privateKey, san: [{ type: 'dns', value: `${HOST}.` }] }],
      ['a name with a line after it', { privateKey, san: [{ type: 'dns', value: `${HOST}\n` }] }],
      ['a name with a NUL in it', { privateKey, san: [{ type: 'dns', value: `${HOST}\0.evil.localhost` }] }],
      [
        'two names',
        {
          privateKey,
          san: [
            { type: 'dns', value: HOST },
            { type: 'dns', value: 'c.localhost' },
          ],
        },
      ],
      [
        'one name twice',
        {
          privateKey,
          san: [
            { type: 'dns', value: HOST },
            { type: 'dns', value: HOST },
          ],
        },
      ],
      ['a wildcard', { privateKey, san: [{ type: 'dns', value: '*.localhost' }] }],
      ['a common name alone', { privateKey, san: [], commonName: HOST }],
      ['an address alone', { privateKey, san: [{ type: 'ip', value: '127.0.0.1' }] }],
      ['a URI alone', { privateKey, san: [{ type: 'url', value: `https://${HOST}` }] }],
      ['an e-mail address alone', { privateKey, san: [{ type: 'email', value: `admin@${HOST}` }] }],
    ];
    strangers.set('no certificate', undefined);
    for (const [name, options] of variants) strangers.set(name, await makeSelfSignedCertificate(HOST, options));
    strangers.set('another authority’s certificate', await authority.issue(HOST));
    strangers.set('names that cannot be read', await unreadableNames(peer.credential));

    const inOtherStates: [string, (other: HostilePeer) => Promise<unknown>][] = [
      ['REQUESTED', (other) => added(cloud, other)],
      ['INVITED', (other) => ask(other, cloud)],
      [
        'CONFIRMING',
        async (other) => {
          await ask(other, cloud);
          const { id } = await inState(cloud, other.origin, 'INVITED');
          await cloud.json('POST', `/admin/services/${id}/accept`);
          await eventually('it was asked', async () => other.requests.length > 0);
        },
      ],
      ['REVOKED', async (other) => cloud.api('DELETE', `/admin/services/${(await trusted(cloud, other)).id}`)],
      [
        'REJECTED',
        async (other) => {
          await ask(other, cloud);
          const { id } = await inState(cloud, other.origin, 'INVITED');
          await cloud.json('POST', `/admin/services/${id}/reject`);
        },
      ],
    ];
    for (const [state, arrange] of inOtherStates) {
      const other = await hostileAt(`${state.toLowerCase()}.localhost`, authority);
      others.push(other);
      await arrange(other);
      await inState(cloud, other.origin, state);
      strangers.set(`a peer that is ${state}`, other.credential);
    }
  });
  afterAll(() => stopAll(cloud, peer, ...others));

  const ping = { method: 'POST', path: '/federation/ping' };

  it('lets the trusted peer in', async () => {
    expect(await peer.call(cloud.origin, ping)).toMatchObject({
      status: 200,
      json: { fingerprintSeen: expect.stringMatching(/^sha256:/), relationship: expect.any(String) },
    });
  });

  it('lets a new certificate of the same key in, and one that spells the name in capitals', async () => {
    const { privateKey } = peer.credential;
    const renewed = await makeSelfSignedCertificate(HOST, { privateKey });
    const capitals = await makeSelfSignedCertificate(HOST, {
      privateKey,
      san: [{ type: 'dns', value: 'B.LocalHost' }],
    });
    expect((await peer.call(cloud.origin, { ...ping, as: renewed })).status).toBe(200);
    expect((await peer.call(cloud.origin, { ...ping, as: capitals })).status).toBe(200);
  });

  it('answers every stranger on every route with the same bytes', async () => {
    expect(strangers.size).toBe(23);
    const answers = new Map<string, string[]>();
    for (const [who, as] of strangers) {
      for (const [method, path] of ROUTES) {
        const text = withoutMoment(await rawExchange(cloud.origin, requestText(cloud.origin, method, path), as));
        answers.set(text, [...(answers.get(text) ?? []), `${who}: ${method} ${path}`]);
      }
    }
    expect([...answers].slice(1)).toEqual([]);
    const [answer = ''] = answers.keys();
    expect(answer.split('\r\n')[0]).toBe('HTTP/1.1 401 Unauthorized');
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(answer.endsWith('\r\n\r\n{"message":"CLIENT_NOT_AUTHENTICATED"}')).toBe(true);
  }, 30_000);

  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['a megabyte', 'x'.repeat(1_000_000), [JSON_TYPE]],
    ['no media type', '{}', []],
    ['another media type', '<xml/>', ['Content-Type: application/xml']],
    ['no JSON', '{', [JSON_TYPE]],
    ['a duplicate key', '{"a":1,"a":2}', [JSON_TYPE]],
    ['no UTF-8', '\ud800', [JSON_TYPE]],
    ['compressed', 'x', [JSON_TYPE, 'Content-Encoding: gzip']],
    ['a form', 'token=x', ['Content-Type: application/x-www-form-urlencoded']],
  ])('says nothing about the body of a stranger: %s', async (_, body, headers) => {
    const as = strangers.get('an unknown key');
    for (const [method, path] of ROUTES.filter((route) => route[0] !== 'GET')) {
      const answer = await rawExchange(cloud.origin, requestText(cloud.origin, method, path, body, headers), as);
      expect(answer, `${method} ${path}`).toMatch(/^HTTP\/1\.1 401 [\s\S]*\{"message":"CLIENT_NOT_AUTHENTICATED"\}$/);
    }
  });

  it('says nothing about the body of a handshake without a certificate', async () => {
    for (const path of ['trust-requests', 'trust-confirmations', 'trust-cancellations']) {
      for (const body of ['', '{', 'x'.repeat(1_000_000)]) {
        const text = requestText(cloud.origin, 'POST', `/federation/${path}`, body, [JSON_TYPE]);
        expect(await rawExchange(cloud.origin, text)).toMatch(/^HTTP\/1\.1 401 [\s\S]*CLIENT_NOT_AUTHENTICATED"\}$/);
      }
    }
  });

  it.each([
    'no certificate',
    'an expired certificate',
    'a certificate not valid yet',
    'two names',
    'a wildcard',
    'a common name alone',
    'names that cannot be read',
  ])('asks for a certificate with exactly one name, within its dates, in the handshake too: %s', async (who) => {
    const body = JSON.stringify({ origin: peer.origin, code: CODE });
    const text = requestText(cloud.origin, 'POST', '/federation/trust-cancellations', body, [JSON_TYPE]);
    expect(await rawExchange(cloud.origin, text, strangers.get(who))).toMatch(/^HTTP\/1\.1 401 /);
  });

  it.each(['//shares', '/shares/', '/%73hares', '/SHARES', '/./shares', '/shares;x', '/x/../shares', '/shares%2f'])(
    'cannot be gone around by spelling: %s',
    async (path) => {
      for (const method of ['GET', 'POST', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
        const text = requestText(cloud.origin, method, path, '', ['Connection: close', 'X-HTTP-Method-Override: GET']);
        const answer = await rawExchange(cloud.origin, text, strangers.get('an unknown key'));
        expect(answer.slice(9, 12), `${method} ${path}`).toMatch(/^(?:400|401|404|405|501)$/);
      }
    },
  );

  it('does not believe a header about the certificate', async () => {
    const der = peer.credential.certificate.replace(/-----[^-]+-----|\s/g, '');
    const headers = {
      'client-cert': `:${der}:`,
      'client-cert-chain': `:${der}:`,
      'x-forwarded-client-cert': `Cert="${encodeURIComponent(peer.credential.certificate)}"`,
      'ssl-client-cert': encodeURIComponent(peer.credential.certificate),
      'x-ssl-client-cert': encodeURIComponent(peer.credential.certificate),
      'x-arr-clientcert': der,
      'x-ssl-client-verify': 'SUCCESS',
    };
    for (const as of [undefined, strangers.get('an unknown key')]) {
      expect((await call(cloud.origin, { ...ping, headers, as })).status).toBe(401);
    }
  });

  it('counts why it refused, for the operator alone', async () => {
    await cloud.get(RefusalCounter).flush();
    const rows = await cloud.rows<{ reason: string; count: number }>(
      'select reason, sum(count)::int as count from federation.audit_refusal group by reason',
    );
    const counted = new Map(rows.map(({ reason, count }) => [reason, count]));
    for (const reason of ['no-certificate', 'expired', 'not-yet-valid']) {
      expect(counted.get(reason), reason).toBeGreaterThanOrEqual(ROUTES.length);
    }
    // The five states; an unknown key and another authority with the name of the peer.
    expect(counted.get('unknown')).toBeGreaterThanOrEqual(5 * ROUTES.length);
    expect(counted.get('key-unannounced')).toBeGreaterThanOrEqual(2 * ROUTES.length);
    expect(counted.get('wrong-name')).toBeGreaterThanOrEqual(2 * ROUTES.length);
    expect(counted.get('not-a-dns-name')).toBeGreaterThanOrEqual(6 * ROUTES.length);
    expect(counted.get('several-names')).toBeGreaterThanOrEqual(2 * ROUTES.length);
    for (const reason of ['no-name', 'wildcard', 'unreadable']) {
      expect(counted.get(reason), reason).toBeGreaterThanOrEqual(ROUTES.length);
    }
  });

  it('reads the certificate once for each connection', async () => {
    const reading = vi.spyOn(TLSSocket.prototype, 'getPeerX509Certificate');
    const agent = keepAliveAgent();
    const answers = [];
    for (let nth = 0; nth < 3; nth++) answers.push(await peer.call(cloud.origin, { ...ping, agent }));
    const serverPort = Number(new URL(cloud.origin).port);
    const onServer = reading.mock.contexts.filter((it) => it instanceof TLSSocket && it.localPort === serverPort);
    reading.mockRestore();
    agent.destroy();
    expect(new Set(answers.map(({ clientPort }) => clientPort)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(onServer).toHaveLength(1);
  });

  it('judges the dates on every request: a certificate expires on an open connection', async () => {
    const { privateKey } = peer.credential;
    const as = await makeSelfSignedCertificate(HOST, { privateKey, notAfter: new Date(Date.now() + 2_000) });
    const agent = keepAliveAgent();
    const before = await call(cloud.origin, { ...ping, as, agent });
    expect(before.status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const after = await call(cloud.origin, { ...ping, as, agent });
    agent.destroy();
    expect(after).toMatchObject({ status: 401, clientPort: before.clientPort, headers: { connection: 'close' } });
  });

  it('refuses the very next request on an open connection once trust is revoked', async () => {
    const agent = keepAliveAgent();
    const before = await peer.call(cloud.origin, { ...ping, agent });
    expect(before.status).toBe(200);
    expect((await cloud.api('DELETE', `/admin/services/${relationship}`)).status).toBe(204);
    const after = await peer.call(cloud.origin, { ...ping, agent });
    agent.destroy();
    expect(after).toMatchObject({
      status: 401,
      clientPort: before.clientPort,
      headers: { connection: 'close' },
      json: { message: 'CLIENT_NOT_AUTHENTICATED' },
    });
  });
});
