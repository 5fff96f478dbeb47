import 'reflect-metadata'; // before @peculiar/x509, whose injector needs it
import { createHash, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { parseDomainName } from '../kernel/domain-name.js';
import { exportPrivateKey, type KeyPair, makeKeyPair, readKeyPair } from './key-pair.js';
import { KEY_ALGORITHM, type LeafOptions, leafExtensions, validity } from './leaf-options.js';

export type { LeafOptions } from './leaf-options.js';

x509.cryptoProvider.set(webcrypto);

/** A certificate and its private key (PKCS#8), both PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A peer's identity: `sha256:` + base64url of the SHA-256 of the certificate's public key (SPKI, DER). */
export function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('base64url')}`;
}

/** The DNS names in the certificate. */
export function dnsNames(certificate: X509Certificate): string[] {
  const names = subjectNames(certificate).filter((name) => name.startsWith('dns:'));
  return names.map((name) => name.slice('dns:'.length));
}

/** All subject alternative names, read from the bytes: the printed form of a SAN has been forged before. `dns:a.example` … */
export function subjectNames(certificate: X509Certificate): string[] {
  return namesIn(new x509.X509Certificate(certificate.raw));
}

/** The same of a certificate that has been read from its bytes. */
export function namesIn(certificate: x509.X509Certificate): string[] {
  return certificate
    .getExtensions(x509.SubjectAlternativeNameExtension)
    .flatMap((extension) => extension.names.items)
    .map(({ type, value }) => `${type}:${value}`);
}

/** Every certificate in a PEM text. @throws TypeError if there is none, or one that cannot be read. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TypeError('no PEM certificate');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new TypeError(`PEM certificate ${index + 1} cannot be read`);
    }
  });
}

/**
 * A federation certificate for `host`: P-256, client and server authentication, exactly one DNS name, 365 days.
 * @throws TypeError if the host is not a DNS name in A-label form.
 */
export async function makeSelfSignedCertificate(host: string, options: LeafOptions = {}): Promise<IssuedCertificate> {
  return makeLeaf(host, options);
}

/** A small authority for development, demonstrations and tests: the web certificates of clouds that have no public name. */
export class CertificateAuthority implements IssuedCertificate {
  private constructor(
    readonly certificate: string,
    readonly privateKey: string,
    private readonly keys: KeyPair,
  ) {}

  /** @param name common name, at most 64 characters. */
  static async create(name: string): Promise<CertificateAuthority> {
    const keys = await makeKeyPair();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: [{ CN: [name.slice(0, 64)] }],
      ...validity({ days: 3650 }),
      keys,
      signingAlgorithm: KEY_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(certificate.toString('pem'), exportPrivateKey(keys), keys);
  }

  /** An authority that was made before. @throws if key or certificate cannot be read. */
  static async from({ certificate, privateKey }: IssuedCertificate): Promise<CertificateAuthority> {
    return new CertificateAuthority(certificate, privateKey, await readKeyPair(privateKey));
  }

  /** A leaf for `host`; the options make the odd ones that tests need. */
  async issue(host: string, options: LeafOptions = {}): Promise<IssuedCertificate> {
    return makeLeaf(host, options, { name: new x509.X509Certificate(this.certificate).subjectName, keys: this.keys });
  }
}

async function makeLeaf(host: string, options: LeafOptions, issuer?: { name: x509.Name; keys: KeyPair }) {
  if (parseDomainName(host) !== host) throw new TypeError('not a DNS name in A-label form');
  const keys = options.privateKey ? await readKeyPair(options.privateKey) : await makeKeyPair();
  // X.520 limits a common name to 64 characters; the name that counts is the SAN.
  const subject = new x509.Name([{ CN: [(options.commonName ?? host).slice(0, 64)] }]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: issuer?.name ?? subject,
    ...validity(options),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: KEY_ALGORITHM,
    extensions: leafExtensions(host, options),
  });
  return { certificate: certificate.toString('pem'), privateKey: exportPrivateKey(keys) };
}

/** 127 random bits: RFC 5280 wants a positive number of at most 20 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
