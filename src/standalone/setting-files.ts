import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FederationOptions, Secret } from '../index.js';
import { Unsuitable } from './setting.js';
import { token } from './setting-parsers.js';

export type KeyAndCertificate = NonNullable<FederationOptions['federationCertificate']>;

/** The text of a file that a setting names. @throws Unsuitable */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Unsuitable(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Every certificate in a PEM file, each as PEM of its own. @throws Unsuitable */
export function readCertificates(file: string): string[] {
  const blocks = readText(file).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Unsuitable('must hold a certificate as PEM');
  blocks.forEach((block, index) => {
    if (!parsed(() => new X509Certificate(block))) {
      throw new Unsuitable(`must hold certificates as PEM; number ${index + 1} cannot be parsed`);
    }
  });
  return blocks;
}

/** The first certificate of a chain, which must name our host. @throws Unsuitable */
export function readCertificateFor(host: string, file: string): { chain: string; leaf: X509Certificate } {
  const chain = readCertificates(file);
  const leaf = new X509Certificate(chain[0] ?? '');
  if (leaf.checkHost(host, { subject: 'never' }) === undefined) {
    throw new Unsuitable(`must name ${host}; it names ${leaf.subjectAltName ?? 'no host'}`);
  }
  return { chain: `${chain.join('\n')}\n`, leaf };
}

/** A private key as PKCS#8 PEM, without a passphrase. @throws Unsuitable */
export function readPrivateKey(file: string): KeyObject {
  const text = readText(file);
  const key = parsed(() => createPrivateKey(text));
  if (!key) throw new Unsuitable('must hold a private key as PEM, without a passphrase');
  return key;
}

export function pemOf(key: KeyObject): Secret {
  return new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** 32 bytes as base64 text. @throws Unsuitable */
export function readSealKey(file: string): Buffer {
  const text = readText(file).trim();
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 32 && /^[\w+/-]+={0,2}$/.test(text)) return bytes;
  throw new Unsuitable('must hold 32 bytes as base64 text; "openssl rand -base64 32" makes some');
}

/** @throws Unsuitable */
export function readToken(file: string): Secret {
  const text = readText(file).trim();
  if (parsed(() => token(text)) === undefined)
    throw new Unsuitable('must hold a token of at least 32 characters: letters, digits and -._~+/');
  return new Secret(text);
}

function parsed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    // What is wrong in detail may quote the secret.
    return undefined;
  }
}
