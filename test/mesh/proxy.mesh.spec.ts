import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { HttpAdapterHost } from '@nestjs/core';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { type Incoming, incoming } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { establishTrust, eventually, freePort, TestCloud } from '../support/cloud.js';
import { type CallOptions, call } from '../support/hostile-peer.js';
import { missing, type ProxyName, ProxyProgram } from '../support/proxy-program.js';
import { stopAll } from '../trust/mesh.js';
import { rawExchange, requestText } from '../trust/raw.js';

const PING = { method: 'POST', path: '/federation/ping' };
const CLOSE = 'Connection: close';

function base64Of({ certificate }: IssuedCertificate): string {
  return certificate.replace(/-----[^-]+-----|\s/g, '');
}

/** A certificate for the key and host with so many bytes in an extension that nobody reads. */
async function heavy({ privateKey }: IssuedCertificate, host: string, bytes: number): Promise<IssuedCertificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pkcs8 = createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const made = await x509.X509CertificateGenerator.create({
    subject: `CN=${host}`,
    issuer: `CN=${host}`,
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      new x509.Extension('1.3.6.1.4.1.99999.1', false, randomBytes(bytes)),
    ],
  });
  return { certificate: made.toString('pem'), privateKey };
}

const skipped = (['nginx', 'haproxy'] as const).flatMap((name) => missing(name) ?? []);
for (const reason of skipped) process.stderr.write(`skipped: ${reason}\n`);

describe.each<ProxyName>(['nginx', 'haproxy'])('behind %s, as we ship its configuration,', (name) => {
  if (missing(name)) return it.skip(`${missing(name)}`, () => undefined);

  const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-proxy-'));
  const besides = { name: 'public.localhost', port: 0 };
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let direct: TestCloud;
  let program: ProxyProgram;
  let peer: ScriptedPeer;
  let stranger: IssuedCertificate;
  const seen: IncomingMessage[] = [];
  let port: number;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    // The one on a socket, the other on loopback: both ways have to hold.
    const socket = path.join(folder, 'entente.sock');
    const loopback = await freePort();
    const isOnSocket = name === 'nginx';
    [cloud, direct] = await Promise.all([
      TestCloud.start({
        name: 'a',
        authority,
        behindProxy: isOnSocket ? { socket } : { host: '127.0.0.1', port: loopback },
        options: { proxy: { trusted: isOnSocket ? 'unix' : ['127.0.0.1/32'] } },
      }),
      TestCloud.start({ name: 'b', authority }),
    ]);
    besides.port = await freePort();
    port = Number(new URL(cloud.origin).port);
    program = await ProxyProgram.start(name, {
      authority: new URL(cloud.origin).host,
      besides,
      certificates: authority,
      backend: isOnSocket ? socket : `127.0.0.1:${loopback}`,
    });
    const server: Server = cloud.get(HttpAdapterHost).httpAdapter.getHttpServer();
    server.on('request', (request: IncomingMessage) => seen.push(request));
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'peer');
    stranger = await makeSelfSignedCertificate('peer.localhost');
  });
  beforeEach(() => {
    seen.length = 0;
  });
  afterAll(async () => {
    await stopAll(peer, cloud, direct, program);
    rmSync(folder, { recursive: true, force: true });
  });

  /** The values of a header as the cloud got them, in one request. */
  const arrived = (header: string, { rawHeaders } = seen[0] ?? { rawHeaders: [] as string[] }): string[] =>
    rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header);

  const ping = (options: CallOptions = {}) => call(cloud.origin, { ...PING, as: peer.server.credential, ...options });
  const raw = (line: string, headers: string[] = [], body = '', as?: IssuedCertificate) => {
    const [method = '', target = ''] = line.split(' ');
    return rawExchange(cloud.origin, requestText(cloud.origin, method, target, body, [CLOSE, ...headers]), as);
  };

  it('two clouds come to trust each other, and a share crosses in both directions', async () => {
    await establishTrust(cloud, direct);
    const [alice, bob] = await Promise.all([cloud.createAccount('alice'), direct.createAccount('bob')]);
    for (const [from, to, owner, shareWith] of [
      [cloud, direct, alice, bob],
      [direct, cloud, bob, alice],
    ] as const) {
      from.makeResource(owner, 'notes');
      const { shareId } = await from.json<{ shareId: string }>('POST', '/api/v1/shares/outgoing', {
        owner,
        shareWith,
        name: 'Notes',
        resourceId: 'notes',
        permission: 'read',
      });
      const mirror = await eventually<Incoming>('it arrives', async () => {
        const sql = 'select id from federation.incoming_share where share_id = $1';
        const [row] = await to.rows<{ id: string }>(sql, shareId);
        return row && incoming(to, row.id);
      });
      expect((await to.api('POST', `/api/v1/shares/incoming/${mirror.id}/accept`)).status).toBe(200);
      await eventually('it is confirmed', async () => (await incoming(to, mirror.id)).confirmed);
    }
  });

  it('lets the trusted peer in by the certificate of its own connection, and nobody else on the same wire', async () => {
    expect((await ping()).status).toBe(200);
    expect(arrived('client-cert')).toEqual([`:${base64Of(peer.server.credential)}:`]);
    expect((await ping({ as: undefined })).status).toBe(401);
    expect((await ping({ as: stranger })).status).toBe(401);
    expect((await ping()).status).toBe(200);
  });

  it('asks for a certificate of an authority that nobody holds, and speaks HTTP/1.1 alone', () => {
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', cloud.host, '-alpn', 'h2,http/1.1'];
    const said = execFileSync('openssl', args, { input: '', stdio: ['pipe', 'pipe', 'ignore'] }).toString();
    expect(said).toMatch(/Acceptable client certificate CA names\n.*CN = nobody\n(?!.*CN)/);
    expect(said).toContain('ALPN protocol: http/1.1');
  });

  describe('what the caller says about certificates', () => {
    const forgeries = (): [string, string[]][] => {
      const own = `:${base64Of(peer.server.credential)}:`;
      return [
        ['Client-Cert', [`Client-Cert: ${own}`]],
        ['in other letters', [`CLIENT-cert: ${own}`]],
        ['twice', [`Client-Cert: ${own}`, `client-cert: ${own}`]],
        ['in a list', [`Client-Cert: ${own}, ${own}`]],
        ['folded', ['Client-Cert:', ` ${own}`]],
        ['Client_Cert', [`Client_Cert: ${own}`]],
        ['client.cert', [`client.cert: ${own}`]],
        ['with a chain', [`Client-Cert: ${own}`, `Client-Cert-Chain: ${own}`]],
        [
          'of other proxies',
          [`X-Forwarded-Client-Cert: Cert=${own}`, `ssl-client-cert: ${own}`, `X-SSL-Client-Cert: ${own}`],
        ],
        ['of yet another', [`X-ARR-ClientCert: ${base64Of(peer.server.credential)}`, 'X-SSL-Client-Verify: SUCCESS']],
      ];
    };

    it('is removed, or leaves it a stranger', async () => {
      for (const [how, headers] of forgeries()) {
        for (const as of [undefined, stranger]) {
          seen.length = 0;
          const answer = await raw('POST /federation/ping', headers, '', as);
          expect(answer.slice(9, 12), how).toMatch(/^40[01]$/);
          for (const request of seen) {
            expect(arrived('client-cert', request), how).toEqual(as ? [`:${base64Of(as)}:`] : []);
            expect(arrived('client-cert-chain', request), how).toEqual([]);
          }
        }
      }
    });

    it('is overwritten by what its own connection showed', async () => {
      const headers = { 'client-cert': `:${base64Of(stranger)}:`, 'client-cert-chain': `:${base64Of(stranger)}:` };
      expect((await ping({ headers })).status).toBe(200);
      expect(arrived('client-cert')).toEqual([`:${base64Of(peer.server.credential)}:`]);
      expect(arrived('client-cert-chain')).toEqual([]);
    });

    it.each(['close, Client-Cert', 'client-cert', 'close, X-Forwarded-For, CLIENT-CERT'])(
      'cannot be stripped on the way, Connection: %s',
      async (connection) => {
        for (const as of [undefined, stranger, peer.server.credential]) {
          const text = requestText(cloud.origin, 'POST', '/federation/ping', '', [`Connection: ${connection}`, CLOSE]);
          expect(await rawExchange(cloud.origin, text, as)).toMatch(/^HTTP\/1\.1 401 /);
        }
        for (const request of seen) expect(arrived('x-forwarded-for', request)).toEqual(['127.0.0.1']);
      },
    );
  });

  it('judges what the proxy did not: dates, names, keys, sizes', async () => {
    const { credential, host } = peer.server;
    const { privateKey } = credential;
    const answers = new Set<string>();
    for (const as of [
      await makeSelfSignedCertificate(host, { privateKey, days: -1 }),
      await makeSelfSignedCertificate(host, { privateKey, notBefore: new Date(Date.now() + 3_600_000) }),
      await makeSelfSignedCertificate(host, { privateKey, san: [{ type: 'dns', value: 'evil.localhost' }] }),
      await authority.issue(host),
      stranger,
      await heavy(credential, host, 12_000),
      await heavy(credential, host, 20_000),
      await heavy(credential, host, 40 * 1024),
    ]) {
      const answer = await ping({ as });
      answers.add(`${answer.status} ${answer.text}`);
    }
    expect([...answers]).toEqual(['401 {"message":"CLIENT_NOT_AUTHENTICATED"}']);
    expect((await ping({ as: await heavy(credential, host, 7_000) })).status).toBe(200);
  });

  const hidden = () => `GET /hidden HTTP/1.1\r\nHost: ${new URL(cloud.origin).host}\r\n${CLOSE}\r\n\r\n`;
  const sendHidden = async (headers: string[], body: string) => {
    const text = requestText(cloud.origin, 'POST', '/federation/ping', '', headers).replace(/\r\n\r\n$/, '');
    const answer = await rawExchange(cloud.origin, `${text}\r\n\r\n${body}`, stranger, {}, 400);
    // Whatever it made of it, the cloud was told whose request it is.
    for (const request of seen) expect(arrived('client-cert', request)).toEqual([`:${base64Of(stranger)}:`]);
    return answer;
  };

  it.each<[string, string[], () => string]>([
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], () => `0\r\n\r\n${hidden()}`],
    ['two lengths', ['Content-Length: 0', 'Content-Length: 60'], hidden],
    ['a list of lengths', ['Content-Length: 0, 60'], hidden],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], () => `0\r\n\r\n${hidden()}`],
    ['two codings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], () => `0\r\n\r\n${hidden()}`],
    ['a coding behind a tab', ['Transfer-Encoding:\tchunked\x0b'], () => `0\r\n\r\n${hidden()}`],
    ['a space before the colon', ['Content-Length : 60'], hidden],
    ['a chunk of a negative size', ['Transfer-Encoding: chunked'], () => `-1\r\n\r\n${hidden()}`],
  ])('sees no second request where the end of the first could be read in two ways: %s', async (_, headers, body) => {
    const answer = await sendHidden(headers, body());
    // HAProxy goes by the chunks where there is a length too, and ends the connection.
    expect(answer.slice(9, 12)).toMatch(/^(?:400|401|501)$/);
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(seen.filter(({ url }) => url !== PING.path)).toEqual([]);
  });

  it.each<[string, string[], () => string]>([
    ['a header', ['X-A: b\nContent-Length: 1'], () => `x${hidden()}`],
    ['the headers', ['X-A: b\n'], hidden],
    ['chunks', ['Transfer-Encoding: chunked'], () => `1\na\n0\n\n${hidden()}`],
  ])('knows whose every request is where lines end in LF alone: %s', async (_, headers, body) => {
    expect((await sendHidden(headers, body())).slice(9, 12)).toBe('401');
    expect(seen.length).toBeGreaterThan(0);
  });

  it('answers for its own names only, whatever the request says of hosts', async () => {
    const evil = ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: http', 'Forwarded: host=evil.example'];
    const document = await raw('GET /federation', evil);
    expect(document).toContain(`"origin":"${cloud.origin}"`);
    expect(document).not.toContain('evil');
    const text = requestText(cloud.origin, 'GET', '/federation', '', [CLOSE]);
    const host = /^Host: .*$/m;
    for (const [line, named, status] of [
      ['/federation', 'evil.example', /^421$/],
      [`${cloud.origin}/federation`, new URL(cloud.origin).host, /^200$/],
      ['https://evil.example/federation', new URL(cloud.origin).host, /^4(?:00|21)$/],
      [`${cloud.origin}/federation`, 'evil.example', /^4(?:00|21)$/],
    ] as const) {
      const answer = await rawExchange(cloud.origin, text.replace('/federation', line).replace(host, `Host: ${named}`));
      expect(answer.slice(9, 12), `${line} for ${named}`).toMatch(status);
      expect(answer).not.toContain('evil');
    }
  });

  it('counts refusals for the address that the proxy saw, not for those that the caller names', async () => {
    const text = requestText(cloud.origin, 'POST', '/federation/ping', '', [
      'X-Forwarded-For: 192.0.2.7',
      'X-Real-IP: 192.0.2.8',
      CLOSE,
    ]);
    await rawExchange(cloud.origin, text);
    expect(arrived('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(arrived('x-real-ip')).toEqual([]);
  });

  it.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])(
    'never resumes a session, be it of another site: %s',
    async (version) => {
      const dial = (to: number, servername: string, more = {}): TLSSocket =>
        connect({
          host: '127.0.0.1',
          port: to,
          servername,
          rejectUnauthorized: false,
          minVersion: version,
          maxVersion: version,
          ...more,
        });
      const sessionOf = async (socket: TLSSocket): Promise<Buffer | undefined> => {
        let latest: Buffer | undefined;
        socket.on('session', (session) => (latest = session)).on('error', () => undefined);
        await once(socket, 'secureConnect');
        socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n\r\n`);
        await once(socket.resume(), 'close');
        return latest ?? socket.getSession();
      };
      const { certificate: cert, privateKey: key } = peer.server.credential;
      const elsewhere = await sessionOf(dial(besides.port, besides.name));
      const control = dial(besides.port, besides.name, { session: elsewhere });
      await once(control, 'secureConnect');
      expect(control.isSessionReused()).toBe(true);
      control.destroy();

      for (const session of [elsewhere, await sessionOf(dial(port, cloud.host, { cert, key }))]) {
        const again = dial(port, cloud.host, { session });
        await once(again, 'secureConnect');
        expect(again.isSessionReused()).toBe(false);
        again.write(requestText(cloud.origin, 'POST', '/federation/ping', '', [CLOSE]));
        const chunks: Buffer[] = await again.toArray();
        expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 401 /);
      }
    },
  );
});
