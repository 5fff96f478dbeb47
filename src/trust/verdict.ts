import { CERTIFICATE_FAULTS, type CertificateFault } from './certificate-fault.js';
import type { PresentedCertificate } from './presented-certificate.js';
import type { TrustedPeer } from './trusted-peer.js';

/** Why a caller is not let in: for the operator alone. From outside all of them look the same. */
export const REFUSALS = [
  'no-certificate',
  'proxy-spoof',
  'proxy-ambiguous',
  'proxy-malformed',
  'unknown',
  // Unknown too, in a certificate that names a peer.
  'key-unannounced',
  ...CERTIFICATE_FAULTS,
  'wrong-name',
  'not-yet-valid',
  'expired',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** What we think of a caller. A refused one is somebody we know if its key is a peer's. */
export type Verdict =
  | { readonly kind: 'trusted'; readonly peer: TrustedPeer }
  | { readonly kind: 'suspended'; readonly peer: TrustedPeer }
  | { readonly kind: Refusal; readonly peer?: TrustedPeer };

/** Dates without leeway; one that cannot be read is never kept. */
function judgeDates(certificate: PresentedCertificate, now: Date): 'valid' | 'not-yet-valid' | 'expired' {
  if (!(now >= certificate.validFrom)) return 'not-yet-valid';
  return now <= certificate.validTo ? 'valid' : 'expired';
}

/** What speaks against a certificate before anyone is looked up; undefined if nothing does. */
export function objectionTo(
  certificate: PresentedCertificate,
  now: Date,
): CertificateFault | 'not-yet-valid' | 'expired' | undefined {
  if (certificate.fault) return certificate.fault;
  const dates = judgeDates(certificate, now);
  return dates === 'valid' ? undefined : dates;
}

/** The certificate against the relationship that its pin led to. */
export function judge(
  certificate: PresentedCertificate,
  relationship: { readonly peer: TrustedPeer; readonly suspended: boolean } | undefined,
  now: Date,
): Verdict {
  if (!relationship) return { kind: certificate.pin === '' ? 'unreadable' : 'unknown' };
  const { peer, suspended } = relationship;
  if (!certificate.fault && certificate.host !== peer.origin.host) return { kind: 'wrong-name', peer };
  const objection = objectionTo(certificate, now);
  if (objection) return { kind: objection, peer };
  return { kind: suspended ? 'suspended' : 'trusted', peer };
}
