import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { claimsCertificate, ForwardedCertificates } from '../../src/trust/forwarded-certificate.js';

const headers = (...rawHeaders: string[]) => ({ rawHeaders, headers: {} }) as unknown as IncomingMessage;

async function freshField(): Promise<string> {
  const { certificate } = await makeSelfSignedCertificate('b.localhost');
  return `:${new X509Certificate(certificate).raw.toString('base64')}:`;
}

describe('a certificate in a header', () => {
  const certificates = new ForwardedCertificates();
  let field: string;
  beforeAll(async () => {
    field = await freshField();
  });

  it('is read once, and kept by the bytes of the header', () => {
    const first = certificates.of(headers('Client-Cert', field));
    expect(first).toMatchObject({ host: 'b.localhost', pin: expect.stringMatching(/^sha256:/) });
    expect(certificates.of(headers('Host', 'a.localhost', 'client-cert', field))).toBe(first);
  });

  it('is kept only for a while: memory has a bound', async () => {
    const few = new ForwardedCertificates(2);
    const first = few.of(headers('Client-Cert', field));
    for (let nth = 0; nth < 2; nth++) few.of(headers('Client-Cert', await freshField()));
    const again = few.of(headers('Client-Cert', field));
    expect(again).toEqual(first);
    expect(again).not.toBe(first);
  });

  it.each(['Client_Cert', 'client.cert', 'CLIENT--CERT', 'ClientCert', 'client cert', '-client-cert', 'Client-Cert_'])(
    'is claimed, and not given, by a name like %s',
    (name) => {
      expect(claimsCertificate(headers('Host', 'a', name, field))).toBe(true);
      expect(certificates.of(headers(name, field))).toBe('proxy-ambiguous');
    },
  );

  it.each(['Client-Certificate', 'X-Client-Cert', 'Client-Cert-Chain', 'X-SSL-Client-Cert'])(
    'is no business of %s',
    (name) => {
      expect(claimsCertificate(headers(name, field))).toBe(false);
      expect(certificates.of(headers(name, field))).toBe('no-certificate');
    },
  );

  it('is not looked for among values', () => {
    expect(certificates.of(headers('X-A', 'client-cert'))).toBe('no-certificate');
  });
});
