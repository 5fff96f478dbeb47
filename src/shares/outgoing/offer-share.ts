import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { AccountDirectory } from '../../host/account-directory.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ResourceProvider } from '../../host/resource-provider.js';
import { Clock } from '../../kernel/clock.js';
import { FederatedAddress } from '../../kernel/federated-address.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { randomId } from '../../kernel/ids.js';
import { Secret } from '../../kernel/secret.js';
import { canonicalJson } from '../../ocm/canonical-json.js';
import type { Permission } from '../../ocm/permission.js';
import { Inbox } from '../../outbox/inbox.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { outgoingShare } from '../audit-names.js';
import { shareOrder } from '../share-messages.js';
import { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';

/** Whose keys they are: the host's, apart from those of every peer. */
const HOST = 'host';

export interface NewShare {
  /** Account id or address of the sharing account. */
  readonly owner: string;
  readonly shareWith: string;
  readonly name: string;
  readonly description?: string;
  readonly resourceId: string;
  readonly permission: Permission;
  /** ISO 8601. */
  readonly expiresAt?: string;
}

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

/**
 * An account of ours shares something with somebody of another cloud. The share and the promise to offer it are one
 * transaction; that the other cloud is down now is no error.
 * @throws ValidationFailed: `owner`, `shareWith`, `resourceId` NOT_FOUND, `expiresAt` INVALID
 */
@Injectable()
export class OfferShare {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly resources: ResourceProvider,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly shares: OutgoingShares,
    private readonly inbox: Inbox,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  /** @param key the caller's `Idempotency-Key`: a repeat gives the same share. @throws StateConflict if it meant another */
  async execute(share: NewShare, key?: string): Promise<OutgoingShareRow> {
    checkSwitch(this.cloud, 'sharing');
    const owner = await this.accounts.find(share.owner);
    if (!owner) throw ValidationFailed.of('owner', 'NOT_FOUND');
    const recipient = FederatedAddress.tryParse(share.shareWith);
    if (!recipient) throw ValidationFailed.of('shareWith', 'INVALID');
    const expiresAt = share.expiresAt === undefined ? null : new Date(share.expiresAt);
    if (expiresAt && expiresAt <= this.clock.now()) throw ValidationFailed.of('expiresAt', 'INVALID');
    const peer = await this.homeOf(recipient);
    const mayShare = await this.resources.mayShare(owner, share.resourceId);
    if (!mayShare) throw ValidationFailed.of('resourceId', 'NOT_FOUND');
    const record = { ...share, expiresAt, owner: owner.username.toString(), shareWith: recipient.toString() };
    const meaning = canonicalJson({ ...share });
    const { id } = await this.inbox.once({ peer: HOST, key, meaning }, () => this.record(peer, record, owner.id));
    return this.shares.get(id);
  }

  /** The one trusted cloud in whose domains the address lies. */
  private async homeOf(recipient: FederatedAddress): Promise<TrustedPeer> {
    const peers = this.cloud.isHomeOf(recipient) ? [] : await this.relationships.speakingFor(recipient);
    if (peers.length > 1) throw ValidationFailed.of('shareWith', 'AMBIGUOUS');
    const [peer] = peers;
    if (!peer) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    return peer;
  }

  private async record(
    peer: TrustedPeer,
    share: Omit<NewShare, 'expiresAt'> & { readonly expiresAt: Date | null },
    ownerAccount: string,
  ): Promise<{ id: string }> {
    const { owner, shareWith, permission } = share;
    const present = await this.relationships.holdTrusted(peer);
    if (!present.speaksFor(FederatedAddress.parse(shareWith))) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    const token = Secret.random();
    const repository = this.transactions.repository(OutgoingShareRow);
    const row = repository.create({
      id: randomId(),
      relationshipId: peer.id,
      shareId: randomId(),
      owner,
      ownerAccount,
      shareWith,
      resourceId: share.resourceId,
      name: share.name,
      description: share.description ?? null,
      permission,
      expiresAt: share.expiresAt,
      state: 'pending-delivery',
      reason: null,
      tokenHash: token.hash(),
      remoteId: null,
      sequence: '0',
      createdAt: new Date(),
      changedAt: new Date(),
    });
    row.deliveryId = await this.outbox.enqueue({
      kind: 'share-offer',
      peer: peer.id,
      orderingKey: shareOrder(row.id),
      meaning: meaningOf(row),
      secret: token,
    });
    await repository.insert(row);
    await this.audit.record({
      action: 'share.created',
      object: outgoingShare(row.id),
      peer: peer.id,
      details: { owner, shareWith, permission },
    });
    return { id: row.id };
  }
}

function meaningOf(row: OutgoingShareRow): OfferMeaning {
  const { shareId, owner, shareWith, resourceId, name, description, permission } = row;
  const expiresAt = row.expiresAt?.toISOString() ?? null;
  return { share: row.id, shareId, owner, shareWith, resourceId, name, description, permission, expiresAt };
}
