import type { X509Certificate } from 'node:crypto';
import { dnsNames, spkiPin } from './certificates.js';
import type { ServerProof } from './peer-endpoint.js';

/** What we think of the server at the other end, before a byte of HTTP is written to it. */
export type ServerVerdict =
  | { readonly kind: 'accepted'; readonly pin: string; readonly validUntil: Date }
  | { readonly kind: 'refused'; readonly reason: 'tls-chain' | 'tls-name' | 'tls-pin'; readonly why: string };

export interface PresentedServer {
  /** The leaf; undefined if the server showed none. */
  readonly certificate: X509Certificate | undefined;
  /** Whether TLS itself verified the chain against the roots. */
  readonly chainVerified: boolean;
}

/** Judges the certificate of a new connection to `host`. Whatever cannot be read or compared is refused. */
export function judgeServer(
  { certificate, chainVerified }: PresentedServer,
  host: string,
  proof: ServerProof,
  now: Date,
): ServerVerdict {
  if (!certificate) return refused('tls-chain', 'it shows none');
  const pin = spkiPin(certificate);
  const validUntil = new Date(certificate.validTo);
  const inDate = new Date(certificate.validFrom) <= now && now <= validUntil;

  if (proof.kind === 'pinned' && !proof.pins.includes(pin)) return refused('tls-pin', `its key is ${pin}`);
  if (proof.kind === 'web' && !chainVerified) return refused('tls-chain', 'it is not issued by a trusted root');
  if (!inDate) return refused('tls-chain', `it is valid from ${certificate.validFrom} to ${certificate.validTo}`);
  const named = proof.kind === 'pinned' ? isOnlyName(certificate, host) : isWebName(certificate, host);
  if (!named) return refused('tls-name', 'it names another host');
  return { kind: 'accepted', pin, validUntil };
}

/** A federation certificate has exactly one DNS name. */
function isOnlyName(certificate: X509Certificate, host: string): boolean {
  const names = dnsNames(certificate);
  return names.length === 1 && names[0]?.toLowerCase() === host;
}

/**
 * A public web certificate may list many names and a wildcard for one label; the common name never counts. The matched
 * name is compared once more by us: runtimes have accepted names that only look alike.
 */
function isWebName(certificate: X509Certificate, host: string): boolean {
  const matched = certificate.checkHost(host, {
    subject: 'never',
    partialWildcards: false,
    multiLabelWildcards: false,
  });
  const name = matched?.toLowerCase();
  return name === host || name === `*.${host.slice(host.indexOf('.') + 1)}`;
}

function refused(reason: 'tls-chain' | 'tls-name' | 'tls-pin', why: string): ServerVerdict {
  return { kind: 'refused', reason, why };
}
