import { beforeAll, describe, expect, it } from 'vitest';
import { Origin } from '../../src/kernel/origin.js';
import {
  type IssuedCertificate,
  type LeafOptions,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { readCertificateOf } from '../../src/trust/certificate-by-hand.js';
import { ADD_SERVICE_EXAMPLES } from '../../src/trust/services.examples.js';
import { pinOf } from './mesh.js';
import { algorithm, KEYS, names, odd } from './odd-certificates.js';

const ORIGIN = Origin.parse('https://b.example:8443');
const DAY_MS = 86_400_000;
/** ecdsa-with-SHA1 */
const SHA1 = algorithm('1.2.840.10045.4.1');

describe('the certificate that an operator gives for a cloud', () => {
  let peer: IssuedCertificate;
  beforeAll(async () => {
    peer = await makeSelfSignedCertificate('b.example');
  });

  const made = async (host: string, options: LeafOptions = {}) =>
    (await makeSelfSignedCertificate(host, options)).certificate;
  const named = (...values: string[]) => values.map((value) => ({ type: 'dns' as const, value }));
  const dns = [Buffer.from('b.example')];
  const read = (pem: string, now = new Date()) => readCertificateOf(ORIGIN, pem, now);

  it('gives its pin, whatever the ends of its lines', () => {
    expect(read(peer.certificate)).toMatchObject({ pin: pinOf(peer), host: 'b.example' });
    expect(read(`\n${peer.certificate.replaceAll('\n', '\r\n')}\r\n\r\n`).pin).toBe(pinOf(peer));
  });

  it('is kept in one spelling', () => {
    expect(read(`\n\n${peer.certificate}\n`).certificate).toBe(read(peer.certificate).certificate);
  });

  it('need not say what it is for', async () => {
    expect(read(await made('b.example', { eku: [] })).host).toBe('b.example');
  });

  it.each<[string, string, () => Promise<string>]>([
    ['no PEM', 'INVALID', async () => 'MIIB'],
    ['nothing', 'INVALID', async () => ''],
    ['PEM of nothing', 'INVALID', async () => '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'],
    ['a private key', 'INVALID', async () => peer.privateKey],
    ['a certificate and its key', 'INVALID', async () => `${peer.certificate}\n${peer.privateKey}`],
    ['two certificates', 'INVALID', async () => `${peer.certificate}\n${await made('c.example')}`],
    ['a certificate and a word', 'INVALID', async () => `${peer.certificate}\nthanks`],
    ['another host', 'WRONG_NAME', async () => made('c.example')],
    ['a parent', 'WRONG_NAME', async () => made('example')],
    ['a child', 'WRONG_NAME', async () => made('a.b.example')],
    ['two names', 'SEVERAL_NAMES', async () => made('b.example', { san: named('b.example', 'c.example') })],
    ['one name twice', 'SEVERAL_NAMES', async () => made('b.example', { san: named('b.example', 'b.example') })],
    ['a wildcard', 'WILDCARD', async () => made('b.example', { san: named('*.example') })],
    ['a common name alone', 'NO_NAME', async () => made('b.example', { san: [] })],
    [
      'an address alone',
      'NOT_A_DNS_NAME',
      async () => made('b.example', { san: [{ type: 'ip', value: '192.0.2.1' }] }),
    ],
    ['an authority', 'CA_CERTIFICATE', async () => made('b.example', { ca: true })],
    ['servers only', 'WRONG_PURPOSE', async () => made('b.example', { eku: ['serverAuth'] })],
    ['a weak key', 'WEAK_KEY', async () => odd({ privateKey: KEYS.rsa1024(), dns }).certificate],
    ['a weak hash', 'WEAK_SIGNATURE', async () => odd({ privateKey: KEYS.p256(), dns, algorithm: SHA1 }).certificate],
    [
      'two lists of names',
      'INVALID',
      async () => odd({ privateKey: KEYS.p256(), dns, extensions: [names()] }).certificate,
    ],
    ['yesterday', 'EXPIRED', async () => made('b.example', { days: -1 })],
    ['tomorrow', 'NOT_YET_VALID', async () => made('b.example', { notBefore: new Date(Date.now() + DAY_MS) })],
  ])('is refused if it is of %s: %s', async (_, message, pem) => {
    const text = await pem();
    const details = { fields: [{ name: 'certificate', message }] };
    expect(() => read(text)).toThrow(expect.objectContaining({ kind: 'invalid', details }));
  });

  it('may name other things beside its one DNS name, as when it is presented', async () => {
    const san = [...named('b.example'), { type: 'email' as const, value: 'bob@b.example' }];
    expect(read(await made('b.example', { san })).host).toBe('b.example');
  });

  it('of the documentation is in order for a century', () => {
    const { url, certificate, expectedFingerprint } = ADD_SERVICE_EXAMPLES.byHand.value;
    for (const year of [2026, 2124]) {
      const { pin } = readCertificateOf(Origin.parse(url), certificate, new Date(`${year}-12-31`));
      expect(pin).toBe(expectedFingerprint);
    }
  });
});
