import type { X509Certificate } from 'node:crypto';
import { parseDomainName } from '../kernel/domain-name.js';
import { type CertificateFacts, readFacts } from '../transport/certificate-facts.js';

/** What can be wrong with a certificate whoever shows it, apart from its dates; in the order in which it is looked at. */
export const CERTIFICATE_FAULTS = [
  'unreadable',
  'no-name',
  'several-names',
  'wildcard',
  'not-a-dns-name',
  'ca-certificate',
  'wrong-purpose',
  'weak-key',
  'weak-signature',
] as const;
export type CertificateFault = (typeof CERTIFICATE_FAULTS)[number];

/** What a certificate is good for: the one host that it names, or why it names nobody. */
export type Named = { readonly host: string } | { readonly fault: CertificateFault };

/** Bytes of DER. A certificate with one name needs a quarter of it; strangers' certificates are stored with their claims. */
const MAX_SIZE = 8_192;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_PURPOSE = '2.5.29.37.0';
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];
/** These bring a hash of their own. */
const EDWARDS = ['Ed25519', 'EdDSA'];
const MIN_RSA_BITS = 2_048;

/** Judges a certificate by itself. What cannot be read is a fault, never an exception. */
export function judgeCertificate(certificate: X509Certificate): Named {
  try {
    if (certificate.raw.length > MAX_SIZE) return { fault: 'unreadable' };
    const facts = readFacts(certificate);
    const named = nameIn(facts);
    if ('fault' in named) return named;
    const fault = faultOfUse(facts) ?? (isWeakKey(certificate) ? 'weak-key' : undefined) ?? faultOfSignature(facts);
    return fault ? { fault } : named;
  } catch {
    return { fault: 'unreadable' };
  }
}

/** Exactly one DNS name, in the one spelling that names have here, but for case. Other kinds of names beside it say nothing. */
function nameIn({ names }: CertificateFacts): Named {
  const [first, second] = names.filter((name) => name.startsWith('dns:')).map((name) => name.slice('dns:'.length));
  if (first === undefined) return { fault: names.length > 0 ? 'not-a-dns-name' : 'no-name' };
  if (second !== undefined) return { fault: 'several-names' };
  if (first.startsWith('*')) return { fault: 'wildcard' };
  const host = parseDomainName(first);
  return host === undefined ? { fault: 'not-a-dns-name' } : { host };
}

function faultOfUse({ isAuthority, maySign, purposes }: CertificateFacts): CertificateFault | undefined {
  if (isAuthority) return 'ca-certificate';
  const isForClients = !purposes || purposes.includes(CLIENT_AUTH) || purposes.includes(ANY_PURPOSE);
  return isForClients && maySign ? undefined : 'wrong-purpose';
}

/** Kinds of keys that are not listed are weak: nobody has looked at them. */
function isWeakKey({ publicKey: { asymmetricKeyType, asymmetricKeyDetails } }: X509Certificate): boolean {
  switch (asymmetricKeyType) {
    case 'ed25519':
    case 'ed448':
      return false;
    case 'ec':
      return !CURVES.includes(asymmetricKeyDetails?.namedCurve ?? '');
    case 'rsa':
    case 'rsa-pss':
      return (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS;
    default:
      return true;
  }
}

function faultOfSignature({ signature: { name, hash } }: CertificateFacts): CertificateFault | undefined {
  return EDWARDS.includes(name ?? '') || HASHES.includes(hash ?? '') ? undefined : 'weak-signature';
}
