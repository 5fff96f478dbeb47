import 'reflect-metadata'; // before @peculiar/x509, whose injector needs it
import type { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { namesIn } from './certificates.js';

/** What a certificate says, beside its key and dates. */
export interface CertificateFacts {
  /** Its subject alternative names, as they stand in the bytes: `dns:a.example`. */
  readonly names: readonly string[];
  /** Whether it may vouch for others, by its basic constraints or its key usage. */
  readonly isAuthority: boolean;
  /** Whether its key may sign, which is all that a key does in TLS 1.2 with ECDHE and in 1.3. */
  readonly maySign: boolean;
  /** Object identifiers of what it is for; undefined if it does not say: anything (RFC 5280 section 4.2.1.12). */
  readonly purposes: readonly string[] | undefined;
  /** How its issuer signed it: `{ name: 'ECDSA', hash: 'SHA-256' }`; no hash for algorithms that bring their own, and for unknown ones. */
  readonly signature: { readonly name: string | undefined; readonly hash: string | undefined };
}

/** Extensions that are understood here, or that change nothing for a pinned leaf: policies, identifiers of keys. */
const UNDERSTOOD = new Set([
  '2.5.29.14', // subjectKeyIdentifier
  '2.5.29.15', // keyUsage
  '2.5.29.17', // subjectAltName
  '2.5.29.19', // basicConstraints
  '2.5.29.32', // certificatePolicies
  '2.5.29.35', // authorityKeyIdentifier
  '2.5.29.37', // extendedKeyUsage
]);

/**
 * Read from the bytes: the printed form of a certificate has been forged before.
 * @throws if an extension cannot be read, is there twice, or is critical and not understood (RFC 5280 section 4.2)
 */
export function readFacts(presented: X509Certificate): CertificateFacts {
  const certificate = new x509.X509Certificate(presented.raw);
  checkExtensions(certificate.extensions);
  const usage = certificate.getExtension(x509.KeyUsagesExtension)?.usages;
  const { keyCertSign, digitalSignature } = x509.KeyUsageFlags;
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  const signature: { readonly name?: string; readonly hash?: { readonly name?: string } } =
    certificate.signatureAlgorithm;
  return {
    names: namesIn(certificate),
    isAuthority: constraints?.ca === true || (usage !== undefined && (usage & keyCertSign) !== 0),
    maySign: usage === undefined || (usage & digitalSignature) !== 0,
    purposes: certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String),
    signature: { name: signature.name, hash: signature.hash?.name },
  };
}

function checkExtensions(extensions: readonly x509.Extension[]): void {
  if (new Set(extensions.map(({ type }) => type)).size < extensions.length) throw new TypeError('an extension twice');
  const strange = extensions.find(({ critical, type }) => critical && !UNDERSTOOD.has(type));
  if (strange) throw new TypeError(`critical extension ${strange.type} is not understood`);
}
