import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  CertificateAuthority,
  dnsNames,
  makeSelfSignedCertificate,
  readCertificates,
  spkiPin,
} from '../../src/transport/certificates.js';

const DAY_MS = 86_400_000;

describe('a federation certificate', () => {
  it('is a P-256 leaf for both purposes with the host as its only name', async () => {
    const { certificate, privateKey } = await makeSelfSignedCertificate('cloud1.localhost');
    const read = new X509Certificate(certificate);
    expect(read.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(read.subjectAltName).toBe('DNS:cloud1.localhost');
    expect(read.subject).toBe('CN=cloud1.localhost');
    expect(read.ca).toBe(false);
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.publicKey.equals(createPublicKey(privateKey))).toBe(true);
    expect(privateKey).toContain('BEGIN PRIVATE KEY');
  });

  it('lasts 365 days and was already valid a few minutes ago', async () => {
    const read = new X509Certificate((await makeSelfSignedCertificate('a.example')).certificate);
    expect(Math.round((Date.parse(read.validTo) - Date.now()) / DAY_MS)).toBe(365);
    expect(Date.now() - Date.parse(read.validFrom)).toBeGreaterThan(4 * 60_000);
    const past = new Date('2026-01-02T03:04:05Z');
    const short = new X509Certificate(
      (await makeSelfSignedCertificate('a.example', { days: 1, notBefore: past })).certificate,
    );
    expect(new Date(short.validFrom)).toEqual(past);
  });

  it('has a positive serial number of its own', async () => {
    const serials = await Promise.all(
      [1, 2, 3].map(
        async () => new X509Certificate((await makeSelfSignedCertificate('a.example')).certificate).serialNumber,
      ),
    );
    expect(new Set(serials).size).toBe(3);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('keeps its pin when it is renewed on the same key, and only then', async () => {
    const first = await makeSelfSignedCertificate('a.example');
    const renewed = await makeSelfSignedCertificate('a.example', { privateKey: first.privateKey });
    const rekeyed = await makeSelfSignedCertificate('a.example');
    const pin = (pem: string) => spkiPin(new X509Certificate(pem));
    expect(renewed.certificate).not.toBe(first.certificate);
    expect(pin(renewed.certificate)).toBe(pin(first.certificate));
    expect(pin(rekeyed.certificate)).not.toBe(pin(first.certificate));
  });

  it('is pinned by the SHA-256 of its public key in DER, as base64url', async () => {
    const read = new X509Certificate((await makeSelfSignedCertificate('a.example')).certificate);
    const der = read.publicKey.export({ type: 'spki', format: 'der' });
    expect(spkiPin(read)).toBe(`sha256:${createHash('sha256').update(der).digest('base64url')}`);
    expect(spkiPin(read)).toMatch(/^sha256:[\w-]{43}$/);
  });

  it('cuts a long host in the common name, never in the name that counts', async () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
    const read = new X509Certificate((await makeSelfSignedCertificate(host)).certificate);
    expect(read.subject).toBe(`CN=${host.slice(0, 64)}`);
    expect(dnsNames(read)).toEqual([host]);
  });

  it.each(['', 'A.example', 'a.example.', '127.0.0.1', '*.a.example', 'bücher.example', 'a.example,CN=b'])(
    'is not made for %j',
    async (host) => {
      await expect(makeSelfSignedCertificate(host)).rejects.toThrow(TypeError);
    },
  );

  it('is not made on a key that is not P-256', async () => {
    await expect(makeSelfSignedCertificate('a.example', { privateKey: 'no key' })).rejects.toThrow();
  });
});

describe('a certificate authority', () => {
  it('issues leaves that verify against it, also after it was read back', async () => {
    const made = await CertificateAuthority.create('Development');
    const again = await CertificateAuthority.from({ certificate: made.certificate, privateKey: made.privateKey });
    const root = new X509Certificate(made.certificate);
    expect(root.ca).toBe(true);
    for (const authority of [made, again]) {
      const leaf = new X509Certificate((await authority.issue('a.example')).certificate);
      expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true);
    }
  });

  it('issues the odd ones that tests need', async () => {
    const authority = await CertificateAuthority.create('Odd');
    const issue = async (options: Parameters<typeof authority.issue>[1]) =>
      new X509Certificate((await authority.issue('a.example', options)).certificate);
    expect((await issue({ san: [] })).subjectAltName).toBeUndefined();
    expect((await issue({ san: [{ type: 'ip', value: '127.0.0.1' }] })).subjectAltName).toBe('IP Address:127.0.0.1');
    expect(
      dnsNames(
        await issue({
          san: [
            { type: 'dns', value: 'a.example' },
            { type: 'dns', value: 'b.example' },
          ],
        }),
      ),
    ).toEqual(['a.example', 'b.example']);
    expect(dnsNames(await issue({ san: [{ type: 'dns', value: '*.example' }] }))).toEqual(['*.example']);
    expect((await issue({ eku: ['serverAuth'] })).keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect((await issue({ ca: true })).ca).toBe(true);
    expect(Date.parse((await issue({ days: -1 })).validTo)).toBeLessThan(Date.now());
    expect((await issue({ commonName: 'b.example' })).subject).toBe('CN=b.example');
  });
});

describe('reading names and PEM', () => {
  it('takes a DNS name as it is in the bytes, however its printed form looks', async () => {
    const forged = 'a.example, DNS:b.example';
    const { certificate } = await makeSelfSignedCertificate('a.example', { san: [{ type: 'dns', value: forged }] });
    expect(dnsNames(new X509Certificate(certificate))).toEqual([forged]);
  });

  it('reads every certificate of a PEM text and refuses a text without one', async () => {
    const [a, b] = [await makeSelfSignedCertificate('a.example'), await makeSelfSignedCertificate('b.example')];
    expect(readCertificates(`# roots\n${a.certificate}\n${b.certificate}`).map(dnsNames)).toEqual([
      ['a.example'],
      ['b.example'],
    ]);
    expect(() => readCertificates('')).toThrow('no PEM certificate');
    expect(() => readCertificates('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow(
      'PEM certificate 1 cannot be read',
    );
  });
});
