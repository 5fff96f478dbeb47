import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { type Account, AccountDirectory } from '../../host/account-directory.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ResourceProvider } from '../../host/resource-provider.js';
import { FederatedAddress } from '../../kernel/federated-address.js';
import { StateConflict, ValidationFailed } from '../../kernel/federation-error.js';
import { randomId } from '../../kernel/ids.js';
import { Secret } from '../../kernel/secret.js';
import type { Permission } from '../../ocm/permission.js';
import { Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import type { Judged } from '../../trust/judged-copies.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { outgoingShare } from '../audit-names.js';
import { ForgottenAccounts } from '../forgotten-accounts.js';
import { shareOrder } from '../share-messages.js';
import { OutgoingShareRow } from './outgoing-share.entity.js';

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

/** A share that may be offered: everybody who has to be asked was asked. */
export interface CheckedOffer {
  readonly share: NewShare;
  readonly owner: Account;
  readonly recipient: FederatedAddress;
  readonly peer: TrustedPeer;
  readonly expiresAt: Date | null;
}

/** What every offer takes: asking whether it may be made, then the share and the promise to tell in one transaction. */
@Injectable()
export class NewOffer {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly resources: ResourceProvider,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly forgottenAccounts: ForgottenAccounts,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * Asks the host, outside of any transaction.
   * @throws ValidationFailed: `owner`, `shareWith`, `resourceId` NOT_FOUND, `shareWith` SUSPENDED, NOT_ALLOWED, `expiresAt` INVALID
   */
  async check(share: NewShare): Promise<CheckedOffer> {
    const owner = await this.accounts.find(share.owner);
    if (!owner) throw ValidationFailed.of('owner', 'NOT_FOUND');
    const recipient = FederatedAddress.tryParse(share.shareWith);
    if (!recipient) throw ValidationFailed.of('shareWith', 'INVALID');
    const expiresAt = share.expiresAt === undefined ? null : new Date(share.expiresAt);
    if (expiresAt && expiresAt <= (await this.transactions.now())) throw ValidationFailed.of('expiresAt', 'INVALID');
    const peer = await this.homeOf(recipient);
    const mayShare = await this.resources.mayShare(owner, share.resourceId);
    if (!mayShare) throw ValidationFailed.of('resourceId', 'NOT_FOUND');
    return { share, owner, recipient, peer, expiresAt };
  }

  /** In the caller's transaction. @throws ValidationFailed, also for what has changed since it was checked; StateConflict */
  async record({ share, owner, recipient, peer, expiresAt }: CheckedOffer): Promise<OutgoingShareRow> {
    const present = offerable(await this.relationships.hold(peer));
    if (!present.speaksFor(recipient)) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
    if (!(await this.forgottenAccounts.holdKnown(owner.id))) throw ValidationFailed.of('owner', 'NOT_FOUND');
    const token = Secret.random();
    const repository = this.transactions.repository(OutgoingShareRow);
    const row = repository.create({
      id: randomId(),
      relationshipId: peer.id,
      flavour: present.policy.flavour ?? 'powerfolder',
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
      tokenHash: token.hash(),
      remoteId: null,
      sequence: '0',
      resentAs: null,
      expiryTold: false,
      createdAt: new Date(),
      changedAt: new Date(),
    });
    if (row.flavour === 'plain') await this.checkOnlyOne(row);
    row.deliveryId = await this.outbox.enqueue({
      kind: 'share-offer',
      peer: peer.id,
      orderingKey: shareOrder(row.id),
      meaning: meaningOf(row),
      secret: token,
    });
    await repository.insert(row);
    const { permission, shareWith } = row;
    const details = { owner: row.owner, shareWith, permission };
    await this.audit.record({ action: 'share.created', object: outgoingShare(row.id), peer: peer.id, details });
    return row;
  }

  /** The one trusted cloud in whose domains the address lies. */
  private async homeOf(recipient: FederatedAddress): Promise<TrustedPeer> {
    const peers = this.cloud.isHomeOf(recipient) ? [] : await this.relationships.speakingFor(recipient);
    if (peers.length > 1) throw ValidationFailed.of('shareWith', 'AMBIGUOUS');
    return offerable(peers[0]);
  }

  /** A plain OCM 0.0.3 peer tells shares apart by resource and recipient alone. */
  private async checkOnlyOne({ relationshipId, resourceId, shareWith }: OutgoingShareRow): Promise<void> {
    const name = [relationshipId, resourceId, shareWith];
    await this.transactions.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(name)]);
    const held = await this.transactions.query(
      `select from federation.outgoing_share where relationship_id = $1 and resource_id = $2 and share_with = $3
         and state in ('pending-delivery', 'pending', 'accepted') and (expires_at is null or expires_at > now())`,
      name,
    );
    if (held.length > 0)
      throw new StateConflict('the peer knows one share of a resource with a person, and there is one');
  }
}

/** The recipient's cloud, if it may be offered something now. @throws ValidationFailed `shareWith` */
function offerable(judged: Judged | undefined): TrustedPeer {
  if (!judged) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
  if (judged.suspended) throw ValidationFailed.of('shareWith', 'SUSPENDED');
  if (!judged.peer.allows('sharing')) throw ValidationFailed.of('shareWith', 'NOT_ALLOWED');
  return judged.peer;
}

function meaningOf(row: OutgoingShareRow): OfferMeaning {
  const { shareId, owner, shareWith, resourceId, name, description, permission } = row;
  const expiresAt = row.expiresAt?.toISOString() ?? null;
  return { share: row.id, shareId, owner, shareWith, resourceId, name, description, permission, expiresAt };
}
