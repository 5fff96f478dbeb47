import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertPageDto } from '../../src/access/alerts/alert.dto.js';
import type { RefusalsPageDto } from '../../src/access/audit/refusal.dto.js';
import { RefusalCounter } from '../../src/audit/refusal-counter.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { RefusedPeers } from '../../src/trust/refused-peers.js';
import { TestCloud } from '../support/cloud.js';
import { call, type HostilePeer } from '../support/hostile-peer.js';
import { hostileAt, introduction, pinOf, stopAll, trusted } from '../trust/mesh.js';
import { algorithm, constraints, der, extension, KEYS, names, type Odd, odd } from '../trust/odd-certificates.js';
import { rawExchange, requestText, withoutMoment } from '../trust/raw.js';

const HOST = 'b.localhost';
const PING = { method: 'POST', path: '/federation/ping' };
/** The weakest that a client can be: it is the server that has to refuse. */
const WEAK = { ciphers: 'DEFAULT:@SECLEVEL=0' };
const dns = (...values: string[]) => values.map((value) => Buffer.from(value, 'latin1'));

describe('a certificate that is not what a federation certificate has to be', () => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let id: string;
  const log: string[] = [];
  let ports = 0;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    const onLog = (line: string) => void log.push(line);
    [cloud, peer] = await Promise.all([TestCloud.start({ name: 'a', authority, onLog }), hostileAt(HOST, authority)]);
    id = (await trusted(cloud, peer)).id;
  });
  afterAll(() => stopAll(cloud, peer));

  /** As if the key had been pinned before anybody looked at how strong it is. */
  async function pinned(certificate: IssuedCertificate): Promise<void> {
    const origin = `https://${HOST}:${2_000 + ports++}`;
    await cloud.rows(
      `insert into federation.relationship (id, origin, endpoint, state, pin, own_reference) values ($1, $1, $1, 'TRUSTED', $2, $1)
       on conflict do nothing`,
      origin,
      pinOf(certificate),
    );
  }

  const counted = async () => {
    await cloud.get(RefusalCounter).flush();
    const { items } = await cloud.json<RefusalsPageDto>('GET', '/admin/audit/refusals?limit=200');
    return new Map(items.map(({ reason, count }) => [reason, count]));
  };
  const alerts = async () => {
    await cloud.get(RefusedPeers).flush();
    const { items } = await cloud.json<AlertPageDto>('GET', '/admin/alerts');
    return items.filter(({ kind }) => kind === 'peer-certificate-refused');
  };
  const key = () => peer.credential.privateKey;
  const SHA1_ECDSA = algorithm('1.2.840.10045.4.1');
  const RSA = KEYS.rsa2048();

  const odds: [reason: string, what: string, wanted: () => Odd][] = [
    ['no-name', 'a common name alone', () => ({ privateKey: key(), dns: [] })],
    ['wildcard', 'a star', () => ({ privateKey: key(), dns: dns('*.localhost') })],
    ['several-names', 'two peers’ names', () => ({ privateKey: key(), dns: dns(HOST, 'c.localhost') })],
    [
      'not-a-dns-name',
      'an address alone',
      () => ({ privateKey: key(), dns: [], extensions: [names(der(0x87, Buffer.from([127, 0, 0, 1])))] }),
    ],
    [
      'not-a-dns-name',
      'a URI alone',
      () => ({ privateKey: key(), dns: [], extensions: [names(der(0x86, ...dns(`https://${HOST}`)))] }),
    ],
    [
      'not-a-dns-name',
      'an e-mail address alone',
      () => ({ privateKey: key(), dns: [], extensions: [names(der(0x81, ...dns(`bob@${HOST}`)))] }),
    ],
    ['not-a-dns-name', 'a dot at the end', () => ({ privateKey: key(), dns: dns(`${HOST}.`) })],
    ['not-a-dns-name', 'a NUL', () => ({ privateKey: key(), dns: dns(`${HOST}\0.evil.localhost`) })],
    ['not-a-dns-name', 'a quote', () => ({ privateKey: key(), dns: dns(`"${HOST}"`) })],
    ['not-a-dns-name', 'a comma', () => ({ privateKey: key(), dns: dns(`evil.localhost, DNS:${HOST}`) })],
    ['not-a-dns-name', 'a line', () => ({ privateKey: key(), dns: dns(`${HOST}\nDNS:evil.localhost`) })],
    ['not-a-dns-name', 'letters beyond ASCII', () => ({ privateKey: key(), dns: [Buffer.from('b\u00fc.localhost')] })],
    ['wrong-name', 'another host', () => ({ privateKey: key(), dns: dns('evil.localhost') })],
    ['ca-certificate', 'an authority', () => ({ privateKey: key(), ca: true })],
    ['wrong-purpose', 'servers alone', () => ({ privateKey: key(), eku: ['1.3.6.1.5.5.7.3.1'] })],
    ['wrong-purpose', 'a key that may not sign', () => ({ privateKey: key(), usage: 0x08 })],
    ['weak-signature', 'SHA-1', () => ({ privateKey: key(), algorithm: SHA1_ECDSA })],
    ['weak-signature', 'MD5', () => ({ privateKey: RSA, algorithm: algorithm('1.2.840.113549.1.1.4', true) })],
    ['weak-key', 'RSA with 1024 bits', () => ({ privateKey: KEYS.rsa1024() })],
    // TLS 1.3 has no word for it: clients show nothing instead.
    ['no-certificate', 'P-224', () => ({ privateKey: KEYS.p224() })],
    [
      'unreadable',
      'names that cannot be read',
      () => ({
        privateKey: key(),
        dns: [],
        extensions: [extension('2.5.29.17', false, Buffer.from([0x30, 0x7f, 0x01]))],
      }),
    ],
    [
      'unreadable',
      'two words on what it is',
      () => ({ privateKey: key(), ca: false, extensions: [constraints(true)] }),
    ],
    [
      'unreadable',
      'something critical that nobody knows',
      () => ({ privateKey: key(), extensions: [extension('1.2.3.4', true, der(0x05))] }),
    ],
    [
      'not-yet-valid',
      'a first day to come',
      () => ({ privateKey: key(), notBefore: new Date(Date.now() + 3_600_000) }),
    ],
    ['expired', 'a last second that is over', () => ({ privateKey: key(), notAfter: new Date(Date.now() - 2_000) })],
  ];

  // The first that happens to this peer: an alert about it is written once a minute.
  it('is an alert with the reason if its key is a peer’s, once a minute at most, until the peer is let in', async () => {
    const expired = odd({ privateKey: key(), notAfter: new Date(Date.now() - 2_000) });
    for (let nth = 0; nth < 3; nth++) {
      await call(cloud.origin, { ...PING, as: expired });
      expect(await alerts()).toMatchObject([
        {
          subject: `service:${id}`,
          peer: id,
          level: 'warning',
          times: 1,
          settledAt: null,
          details: { origin: peer.origin, reason: 'expired', host: HOST, validTo: expect.stringMatching(/Z$/) },
        },
      ]);
    }
    expect((await peer.call(cloud.origin, PING)).status).toBe(200);
    expect(await alerts()).toMatchObject([{ times: 1, settledBy: 'system' }]);
  });

  it('is settled by a node that did not raise it', async () => {
    await cloud.down();
    await cloud.up();
    const purpose = odd({ privateKey: key(), eku: ['1.3.6.1.5.5.7.3.1'] });
    await call(cloud.origin, { ...PING, as: purpose });
    expect((await alerts())[0]).toMatchObject({ settledAt: null, details: { reason: 'wrong-purpose' } });
    await cloud.down();
    await cloud.up();
    await cloud.get(RefusedPeers).flush();
    expect((await peer.call(cloud.origin, PING)).status).toBe(200);
    expect((await alerts())[0]).toMatchObject({ settledBy: 'system' });
  });

  it('is no alert if it is a stranger’s, whatever it shows', async () => {
    const before = await alerts();
    const { privateKey } = await makeSelfSignedCertificate(HOST);
    for (const wanted of [{}, { eku: ['1.3.6.1.5.5.7.3.1'] }, { dns: dns('evil.localhost') }]) {
      expect((await call(cloud.origin, { ...PING, as: odd({ privateKey, ...wanted }) })).status).toBe(401);
    }
    expect((await call(cloud.origin, PING)).status).toBe(401);
    expect(await alerts()).toEqual(before);
  });

  it.each(odds)('is %s inside and the one 401 outside: %s', async (reason, _, wanted) => {
    const certificate = odd(wanted());
    if (certificate.privateKey !== key()) await pinned(certificate);
    const text = requestText(cloud.origin, 'GET', '/shares');
    const stranger = withoutMoment(await rawExchange(cloud.origin, text));
    const before = (await counted()).get(reason) ?? 0;
    expect(stranger).toMatch(
      /^HTTP\/1\.1 401 [\s\S]*\r\nconnection: close\r\n[\s\S]*\r\n\r\n\{"message":"CLIENT_NOT_AUTHENTICATED"\}$/i,
    );
    expect(withoutMoment(await rawExchange(cloud.origin, text, certificate, WEAK))).toBe(stranger);
    const claim = JSON.stringify(introduction(peer.origin));
    const request = requestText(cloud.origin, 'POST', '/federation/trust-requests', claim, [
      'Content-Type: application/json',
    ]);
    expect(withoutMoment(await rawExchange(cloud.origin, request, certificate, WEAK))).toBe(stranger);
    expect((await counted()).get(reason)).toBe(before + 2);
    expect(await cloud.rows('select id from federation.trust_request')).toEqual([]);
  });

  it.each<[string, () => Odd]>([
    ['P-256', () => ({ privateKey: KEYS.p256() })],
    ['P-384', () => ({ privateKey: KEYS.p384() })],
    ['P-521', () => ({ privateKey: KEYS.p521() })],
    ['Ed25519', () => ({ privateKey: KEYS.ed25519() })],
    ['RSA with 2048 bits', () => ({ privateKey: RSA })],
    ['its name in capitals', () => ({ privateKey: key(), dns: dns('B.LocalHost') })],
    ['no word on what it is for', () => ({ privateKey: key(), eku: [] })],
  ])('is let in: %s', async (_, wanted) => {
    const certificate = odd(wanted());
    if (certificate.privateKey !== key()) await pinned(certificate);
    expect((await call(cloud.origin, { ...PING, as: certificate })).status).toBe(200);
  });

  it('is its own: what others vouch for beside it is not looked at', async () => {
    const expired = { privateKey: KEYS.p256(), ca: true, usage: 0x04, notAfter: new Date(Date.now() - 60_000) };
    const chain = Array.from({ length: 6 }, () => `\n${odd(expired).certificate}`).join('');
    const as = { ...peer.credential, certificate: peer.credential.certificate + chain };
    expect((await call(cloud.origin, { ...PING, as })).status).toBe(200);
    const unknown = await makeSelfSignedCertificate(HOST);
    const stranger = { ...unknown, certificate: `${unknown.certificate}\n${peer.credential.certificate}${chain}` };
    expect((await call(cloud.origin, { ...PING, as: stranger })).status).toBe(401);
  });

  it('has its reason in the log, under the id that the caller was given', async () => {
    const as = odd({ privateKey: key(), eku: ['1.3.6.1.5.5.7.3.1'] });
    const { headers } = await call(cloud.origin, { ...PING, as });
    const lines = log.filter((line) => line.includes(String(headers['x-request-id'])));
    expect(lines.some((line) => line.includes('answered 401: CallerNotTrusted: wrong-purpose'))).toBe(true);
  });
});
