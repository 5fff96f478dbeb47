import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { randomId } from '../../kernel/ids.js';
import { Secret } from '../../kernel/secret.js';
import type { Permission } from '../../ocm/permission.js';
import type { Flavour } from '../../ocm/share-offer.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import { outgoingShare } from '../audit-names.js';
import { ForgottenAccounts } from '../forgotten-accounts.js';
import { shareOrder } from '../share-messages.js';
import { type CheckedOffer, offerable } from './check-offer.js';
import { OutgoingShareRow } from './outgoing-share.entity.js';
import { PlainNames } from './plain-names.js';

/** The offer, as frozen in its delivery; the token goes with it sealed. */
export interface OfferMeaning {
  /** Our id of the share. */
  readonly share: string;
  readonly shareId: string;
  readonly owner: string;
  readonly shareWith: string;
  readonly resourceId: string;
  readonly name: string;
  readonly description: string | null;
  readonly permission: Permission;
  readonly expiresAt: string | null;
}

/** The share and the promise to tell of it, in the caller's transaction. */
@Injectable()
export class RecordOffer {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly forgottenAccounts: ForgottenAccounts,
    private readonly plainNames: PlainNames,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws ValidationFailed, also for what has changed since it was checked; StateConflict */
  async execute(offer: CheckedOffer): Promise<OutgoingShareRow> {
    const row = this.rowOf(offer, await this.hold(offer));
    const token = Secret.random();
    row.tokenHash = token.hash();
    if (row.flavour === 'plain') await this.plainNames.claim(row);
    row.deliveryId = await this.outbox.enqueue({
      kind: 'share-offer',
      peer: row.relationshipId,
      orderingKey: shareOrder(row),
      meaning: meaningOf(row),
      secret: token,
    });
    await this.transactions.repository(OutgoingShareRow).insert(row);
    const { owner, permission, shareWith } = row;
    const details = { owner, shareWith, permission };
    await this.audit.record({
      action: 'share.created',
      object: outgoingShare(row.id),
      peer: row.relationshipId,
      details,
    });
    return row;
  }

  /**
   * What was checked before the transaction is checked again, and stays so until its end. For whoever locks a share before
   * this act: relationship and account come first.
   * @returns how the peer is spoken to
   */
  async hold({ owner, recipient, peer }: CheckedOffer): Promise<Flavour> {
    const present = offerable(await this.relationships.hold(peer));
    if (!present.speaksFor(recipient)) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    if (!(await this.forgottenAccounts.holdKnown(owner.id))) throw ValidationFailed.of('owner', 'NOT_FOUND');
    return present.policy.flavour ?? 'powerfolder';
  }

  private rowOf({ share, owner, recipient, peer, expiresAt }: CheckedOffer, flavour: Flavour): OutgoingShareRow {
    return this.transactions.repository(OutgoingShareRow).create({
      id: randomId(),
      relationshipId: peer.id,
      flavour,
      shareId: randomId(),
      owner: owner.username.toString(),
      ownerAccount: owner.id,
      shareWith: recipient.toString(),
      resourceId: share.resourceId,
      name: share.name,
      description: share.description ?? null,
      permission: share.permission,
      expiresAt,
      state: 'pending-delivery',
      reason: null,
      remoteId: null,
      sequence: '0',
      resentAs: null,
      expiryTold: false,
      createdAt: new Date(),
      changedAt: new Date(),
    });
  }
}

function meaningOf(row: OutgoingShareRow): OfferMeaning {
  const { shareId, owner, shareWith, resourceId, name, description, permission } = row;
  const expiresAt = row.expiresAt?.toISOString() ?? null;
  return { share: row.id, shareId, owner, shareWith, resourceId, name, description, permission, expiresAt };
}
