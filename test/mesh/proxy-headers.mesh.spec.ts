import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import { Clock } from '../../src/kernel/clock.js';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { freePort, TestCloud } from '../support/cloud.js';
import { TlsFront } from '../support/tls-front.js';
import { introduction, stopAll } from '../trust/mesh.js';

/** The proxy calls from here; everything else on loopback is somebody who reached the listener beside it. */
const PROXY = '127.0.0.2';

type Header = readonly [string, string];

function base64Of({ certificate }: { readonly certificate: string }): string {
  return certificate.replace(/-----[^-]+-----|\s/g, '');
}

describe('a cloud behind a proxy', () => {
  let cloud: TestCloud;
  let front: TlsFront;
  let peer: ScriptedPeer;
  let port: number;
  let own: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    port = await freePort();
    cloud = await TestCloud.start({
      name: 'a',
      authority,
      behindProxy: { host: '127.0.0.1', port },
      options: { proxy: { trusted: [`${PROXY}/32`] } },
    });
    front = await TlsFront.start({
      port: Number(new URL(cloud.origin).port),
      web: await authority.issue(cloud.host),
      backend: { host: '127.0.0.1', port, localAddress: PROXY },
    });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'peer');
    own = `:${base64Of(peer.server.credential)}:`;
  });
  afterAll(() => stopAll(peer, front, cloud));

  /** A request as it is written, from an address of this machine. */
  async function send(headers: readonly Header[], { from = PROXY, path = '/federation/ping', body = '' } = {}) {
    const length = String(Buffer.byteLength(body));
    const known = ['Host', new URL(cloud.origin).host, 'Content-Type', 'application/json', 'Content-Length', length];
    const options = { host: '127.0.0.1', port, localAddress: from, method: 'POST', path, agent: false } as const;
    const outgoing = httpRequest({ ...options, headers: [...known, ...headers.flat()] });
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: answer.statusCode, text: Buffer.concat(await answer.toArray()).toString() };
  }

  async function counted(reason: string): Promise<number> {
    await cloud.get(RefusalCounter).flush();
    const sql = 'select coalesce(sum(count), 0)::int as count from federation.audit_refusal where reason = $1';
    return (await cloud.rows<{ count: number }>(sql, reason))[0]?.count ?? 0;
  }

  it('knows the peer by the header of the proxy, in whatever letters it is written', async () => {
    for (const name of ['Client-Cert', 'client-cert', 'CLIENT-CERT']) {
      expect((await send([[name, own]])).status, name).toBe(200);
    }
  });

  it('believes nobody else, and says in the trail who spoke as the proxy', async () => {
    const before = await counted('proxy-spoof');
    for (const name of ['Client-Cert', 'client_cert', 'Client-Cert']) {
      expect(await send([[name, own]], { from: '127.0.0.3' })).toEqual({
        status: 401,
        text: '{"message":"CLIENT_NOT_AUTHENTICATED"}',
      });
    }
    const body = JSON.stringify(introduction(peer.server.origin));
    const request = { from: '127.0.0.3', path: '/federation/trust-requests', body };
    expect((await send([['Client-Cert', own]], request)).status).toBe(401);
    expect((await counted('proxy-spoof')) - before).toBe(4);
    const sql = `select object, outcome from federation.audit_entry where action = 'proxy.spoof'`;
    expect(await cloud.rows(sql)).toEqual([{ object: 'address:127.0.0.3', outcome: 'refused' }]);
    expect(await cloud.rows('select kind, level, details from federation.alert')).toEqual([
      { kind: 'proxy-spoof', level: 'critical', details: { address: '127.0.0.3' } },
    ]);
  });

  it('takes a caller without a certificate for a stranger, wherever it comes from', async () => {
    expect((await send([])).status).toBe(401);
    expect((await send([], { from: '127.0.0.3' })).status).toBe(401);
  });

  it.each<[string, string, () => Header[]]>([
    [
      'two lines',
      'proxy-ambiguous',
      () => [
        ['Client-Cert', own],
        ['client-cert', own],
      ],
    ],
    [
      'the same line twice',
      'proxy-ambiguous',
      () => [
        ['Client-Cert', own],
        ['Client-Cert', own],
      ],
    ],
    ['a list', 'proxy-ambiguous', () => [['Client-Cert', `${own}, ${own}`]]],
    ['a list of one', 'proxy-ambiguous', () => [['Client-Cert', `${own},`]]],
    ['an underscore', 'proxy-ambiguous', () => [['Client_Cert', own]]],
    ['a dot', 'proxy-ambiguous', () => [['client.cert', own]]],
    [
      'an underscore beside it',
      'proxy-ambiguous',
      () => [
        ['Client-Cert', own],
        ['client_cert', own],
      ],
    ],
    [
      'a dot beside it',
      'proxy-ambiguous',
      () => [
        ['Client.Cert', own],
        ['Client-Cert', own],
      ],
    ],
    [
      'a name in Connection',
      'proxy-ambiguous',
      () => [
        ['Client-Cert', own],
        ['Connection', 'close, Client-Cert'],
      ],
    ],
    ['no colons', 'proxy-malformed', () => [['Client-Cert', own.slice(1, -1)]]],
    ['nothing', 'proxy-malformed', () => [['Client-Cert', '']]],
    ['nothing between colons', 'proxy-malformed', () => [['Client-Cert', '::']]],
    ['a parameter', 'proxy-malformed', () => [['Client-Cert', `${own};a=1`]]],
    ['base64 that is none', 'proxy-malformed', () => [['Client-Cert', `:${own.slice(1, -1)}!:`]]],
    [
      'base64 of URLs',
      'proxy-malformed',
      () => [['Client-Cert', own.replaceAll('+', '-').replaceAll('/', '_').replace(/[A-Z]/, '-')]],
    ],
    ['a space inside', 'proxy-malformed', () => [['Client-Cert', `${own.slice(0, 40)} ${own.slice(40)}`]]],
    [
      'PEM',
      'proxy-malformed',
      () => [['Client-Cert', `:${Buffer.from(peer.server.credential.certificate).toString('base64')}:`]],
    ],
    [
      'a byte after it',
      'proxy-malformed',
      () => [['Client-Cert', `:${Buffer.concat([Buffer.from(own, 'base64'), Buffer.of(0)]).toString('base64')}:`]],
    ],
    [
      'two certificates in one',
      'proxy-malformed',
      () => [
        [
          'Client-Cert',
          `:${Buffer.concat([Buffer.from(own, 'base64'), Buffer.from(own, 'base64')]).toString('base64')}:`,
        ],
      ],
    ],
    [
      'a byte too few',
      'proxy-malformed',
      () => [['Client-Cert', `:${Buffer.from(own, 'base64').subarray(0, -1).toString('base64')}:`]],
    ],
    ['40 KiB', 'proxy-malformed', () => [['Client-Cert', `:${Buffer.alloc(40 * 1024).toString('base64')}:`]]],
  ])('takes no certificate from a header with %s', async (_, reason, headers) => {
    const before = await counted(reason);
    expect(await send(headers())).toEqual({ status: 401, text: '{"message":"CLIENT_NOT_AUTHENTICATED"}' });
    expect((await counted(reason)) - before).toBe(1);
  });

  it('judges what the certificate says, and when: dates, name, key', async () => {
    const { host, credential } = peer.server;
    const { privateKey } = credential;
    for (const [reason, certificate] of [
      ['expired', await makeSelfSignedCertificate(host, { privateKey, days: -1 })],
      ['not-yet-valid', await makeSelfSignedCertificate(host, { privateKey, notBefore: new Date(Date.now() + 9e6) })],
      ['wrong-name', await makeSelfSignedCertificate('evil.localhost', { privateKey })],
      ['key-unannounced', await makeSelfSignedCertificate(host)],
      ['unknown', await makeSelfSignedCertificate('stranger.localhost')],
    ] as const) {
      const before = await counted(reason);
      expect((await send([['Client-Cert', `:${base64Of(certificate)}:`]])).status, reason).toBe(401);
      expect((await counted(reason)) - before, reason).toBe(1);
    }
  });

  it('judges the dates at every request, though it reads the certificate once', async () => {
    const clock = vi.spyOn(cloud.get(Clock), 'now');
    expect((await send([['Client-Cert', own]])).status).toBe(200);
    clock.mockReturnValue(new Date(Date.now() + 400 * 86_400_000));
    expect((await send([['Client-Cert', own]])).status).toBe(401);
    clock.mockRestore();
    expect((await send([['Client-Cert', own]])).status).toBe(200);
  });

  it('has no use for a chain: a pinned key needs none', async () => {
    expect(
      (
        await send([
          ['Client-Cert', own],
          ['Client-Cert-Chain', own],
        ])
      ).status,
    ).toBe(200);
    expect((await send([['Client-Cert-Chain', own]])).status).toBe(401);
  });

  it('counts a caller for the address that the proxy accepted it from, the last one it names', async () => {
    const networks = async (): Promise<string[]> => {
      await cloud.get(RefusalCounter).flush();
      const sql = `select network from federation.audit_refusal where reason = 'unknown' order by network`;
      return (await cloud.rows<{ network: string }>(sql)).map(({ network }) => network);
    };
    const stranger = `:${base64Of(await makeSelfSignedCertificate('stranger.localhost'))}:`;
    await cloud.rows('delete from federation.audit_refusal');
    for (const hops of [
      '192.0.2.7',
      '203.0.113.9, 198.51.100.7',
      '198.51.100.1, 2001:db8:1:2:3::4',
      'evil',
      '192.0.2.1:80',
    ]) {
      await send([
        ['Client-Cert', stranger],
        ['X-Forwarded-For', hops],
        ['X-Real-IP', '233.252.0.1'],
      ]);
    }
    expect(await networks()).toEqual(['192.0.2.0/24', '198.51.100.0/24', '2001:db8:1:2::/64', '?']);
    await cloud.rows('delete from federation.audit_refusal');
    await send([['X-Forwarded-For', '192.0.2.7']], { from: '127.0.0.3' });
    await cloud.get(RefusalCounter).flush();
    expect(await cloud.rows('select reason, network from federation.audit_refusal')).toEqual([
      { reason: 'no-certificate', network: '127.0.0.0/24' },
    ]);
  });

  it('counts those who ask for trust by that address too', async () => {
    const asked: number[] = [];
    for (let nth = 0; nth < 6; nth++) {
      const host = `stranger${nth}.localhost`;
      const body = JSON.stringify(introduction(`https://${host}:${9000 + nth}`));
      const certificate = `:${base64Of(await makeSelfSignedCertificate(host))}:`;
      const headers: Header[] = [
        ['Client-Cert', certificate],
        ['X-Forwarded-For', `198.51.100.${nth}, 2001:db8:5:5::${nth}`],
      ];
      asked.push((await send(headers, { path: '/federation/trust-requests', body })).status ?? 0);
    }
    expect(asked).toEqual([202, 202, 202, 202, 202, 429]);
  });

  it('refuses the very next request once trust is revoked', async () => {
    expect((await send([['Client-Cert', own]])).status).toBe(200);
    expect((await cloud.api('DELETE', `/admin/services/${peer.relationship}`)).status).toBe(204);
    expect((await send([['Client-Cert', own]])).status).toBe(401);
  });
});
