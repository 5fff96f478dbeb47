import type { AuditEvent } from '../../audit/audit-trail.js';
import type { Account } from '../../host/account-directory.js';
import { randomId } from '../../kernel/ids.js';
import type { Happened } from '../../notifications/event-teller.js';
import { recipientText } from '../../ocm/recipient.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { incomingShare } from '../audit-names.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import type { IncomingShares } from './incoming-shares.js';

/** Who offers what to whom. */
export interface ReceivedOffer {
  /** Id of the relationship. */
  readonly peer: string;
  readonly offer: ShareOffer;
  readonly recipient: Account;
  /** Keyed digest of the offer's meaning. */
  readonly digest: string;
}

/** The row of a share that was never offered before. */
export function newShare({ peer, offer, recipient, digest }: ReceivedOffer, shares: IncomingShares): IncomingShareRow {
  const id = randomId();
  return Object.assign(new IncomingShareRow(), {
    id,
    relationshipId: peer,
    shareId: offer.shareId ?? null,
    providerId: offer.providerId,
    owner: offer.owner.toString(),
    shareWith: recipientText(offer.recipient),
    recipientAccount: recipient.id,
    name: offer.name,
    description: offer.description ?? null,
    permission: offer.permission,
    expiresAt: offer.expiresAt ?? null,
    state: 'pending' as const,
    reason: null,
    protocolNames: offer.protocols.map(({ name }) => name),
    protocolsSealed: shares.seal(id, peer, offer.protocols),
    offerDigest: digest,
    createdAt: new Date(),
  });
}

/** For the auditor. */
export function offered({ id, relationshipId, owner }: IncomingShareRow): AuditEvent {
  return { action: 'share.offered', object: incomingShare(id), peer: relationshipId, details: { owner } };
}

/** For the recipient. */
export function invitation({ id, recipientAccount, name, owner }: IncomingShareRow): Happened {
  return { type: 'share-invited', account: recipientAccount, share: id, name, counterpart: owner };
}
