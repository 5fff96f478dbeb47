import { createHash } from 'node:crypto';
import type { Origin } from '../kernel/origin.js';
import type { Secret } from '../kernel/secret.js';

/** What we show to a peer: our federation certificate and its key. */
export interface ClientCredential {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly privateKey: Secret;
}

/**
 * How the other side's server certificate is judged: `web` by the roots and the exact name; `pinned` by its key (and the
 * name and dates it carries) and by nothing else.
 */
export type ServerProof = { readonly kind: 'web' } | { readonly kind: 'pinned'; readonly pins: readonly string[] };

/** All that is needed to call a peer. Whether it is trusted is for the caller to know. */
export interface PeerEndpoint {
  /** Stable key of the peer: connections are never shared between two peers, even at one address. */
  readonly peer: string;
  readonly base: Origin;
  readonly proof: ServerProof;
  readonly credential: ClientCredential;
}

/** Tells credentials apart without giving anything away. */
export function credentialKey(credential: ClientCredential): string {
  return createHash('sha256').update(credential.certificate).update(credential.privateKey.hash()).digest('base64url');
}

/** Two endpoints may use the same connections only if these texts are equal. */
export function connectionKey({ peer, base, proof, credential }: PeerEndpoint): string {
  const pins = proof.kind === 'pinned' ? [...proof.pins].sort() : [];
  return JSON.stringify([peer, base.toString(), proof.kind, pins, credentialKey(credential)]);
}
