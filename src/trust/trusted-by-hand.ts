import type { RelationshipRow } from './relationship.entity.js';

/**
 * Whether trust rests on our operator's word alone. A handshake leaves its mark: the code of our own request, or the
 * reference that the other side told us. Holds after the end as well.
 */
export function isTrustedByHand({ pin, codeHash, peerReference }: RelationshipRow): boolean {
  return pin !== null && codeHash === null && peerReference === null;
}

/** The same of a row `r` of `federation.relationship`. */
export const TRUSTED_BY_HAND = '(r.pin is not null and r.code_hash is null and r.peer_reference is null)';
