import type { PresentedCertificate } from './presented-certificate.js';
import type { TrustedPeer } from './trusted-peer.js';

/** What we think of a caller. Everything but `trusted` and `suspended` looks the same from outside. */
export type Verdict =
  | { readonly kind: 'trusted'; readonly peer: TrustedPeer }
  | { readonly kind: 'suspended'; readonly peer: TrustedPeer }
  | { readonly kind: 'no-certificate' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'wrong-name' }
  | { readonly kind: 'not-yet-valid' }
  | { readonly kind: 'expired' };

/** What a certificate says by itself, before anyone is looked up: dates without leeway. */
export function judgeDates(certificate: PresentedCertificate, now: Date): 'valid' | 'not-yet-valid' | 'expired' {
  if (!(now >= certificate.validFrom)) return 'not-yet-valid';
  return now <= certificate.validTo ? 'valid' : 'expired';
}

/** The certificate against the relationship that its pin led to. */
export function judge(
  certificate: PresentedCertificate,
  relationship: { readonly peer: TrustedPeer; readonly suspended: boolean } | undefined,
  now: Date,
): Verdict {
  if (!relationship) return { kind: 'unknown' };
  if (certificate.host !== relationship.peer.origin.host) return { kind: 'wrong-name' };
  const dates = judgeDates(certificate, now);
  if (dates !== 'valid') return { kind: dates };
  return { kind: relationship.suspended ? 'suspended' : 'trusted', peer: relationship.peer };
}
