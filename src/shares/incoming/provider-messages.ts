import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { NotFound } from '../../kernel/federation-error.js';
import { EventTeller } from '../../notifications/event-teller.js';
import { HandlesNotification, NotificationHandler } from '../../notifications/notification-handler.js';
import type { NotificationMessage } from '../../ocm/notification.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { incomingShare } from '../audit-names.js';
import { OutgoingShares } from '../outgoing/outgoing-shares.js';
import { WrongSide } from '../share-errors.js';
import type { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares, plainName } from './incoming-shares.js';
import { PlainTombstones } from './plain-tombstones.js';
import { Tombstones } from './tombstones.js';

/** What the handlers of a provider's messages have in common: which share, whether it is news, whom to tell. */
@Injectable()
export class ProviderMessages {
  constructor(
    private readonly shares: IncomingShares,
    private readonly outgoing: OutgoingShares,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {}

  /** @throws WrongSide if the share is one of ours that this peer consumes */
  async find(peer: TrustedPeer, message: NotificationMessage): Promise<IncomingShareRow | undefined> {
    await this.shares.holdName(peer, message.shareId ?? plainName(message.providerId ?? ''));
    const share = await this.shares.lockNamed(peer, message);
    if (!share && (await this.outgoing.isNamed(peer, message))) throw new WrongSide();
    return share;
  }

  /** Applies a change, unless a later one was applied already; what is so already is no news. @throws NotFound, StateConflict */
  async change(
    peer: TrustedPeer,
    message: NotificationMessage,
    changes: (share: IncomingShareRow) => Partial<IncomingShareRow>,
  ): Promise<void> {
    const share = await this.find(peer, message);
    if (!share) throw new NotFound('a message about a share that is not known');
    if (message.sequence !== undefined && message.sequence <= Number(share.sequence)) return;
    await this.shares.judge(share, 'changed');
    const sequence = String(message.sequence ?? share.sequence);
    const values = changes(share);
    const isNews = differs(share, values);
    const isTold = differs(share, endOf(values)) ? { expiryTold: false } : {};
    if (isNews || sequence !== share.sequence) await this.shares.update(share, { ...values, ...isTold, sequence });
    if (isNews) await this.tell(share, 'share.changed', 'share-changed');
  }

  async revoke(share: IncomingShareRow): Promise<void> {
    if ((await this.shares.judge(share, 'unshared')) !== 'revoked') return;
    await this.shares.update(share, { state: 'revoked', protocolsSealed: null, confirmed: false });
    await this.tell(share, 'share.revoked', 'share-withdrawn');
  }

  private async tell(
    share: IncomingShareRow,
    action: string,
    type: 'share-changed' | 'share-withdrawn',
  ): Promise<void> {
    const { permission } = share;
    await this.audit.record({
      action,
      object: incomingShare(share.id),
      peer: share.relationshipId,
      details: { permission },
    });
    await this.events.tell({
      type,
      account: share.recipientAccount,
      share: share.id,
      name: share.name,
      counterpart: share.owner,
    });
  }
}

function endOf({ expiresAt }: Partial<IncomingShareRow>): Partial<IncomingShareRow> {
  return expiresAt === undefined ? {} : { expiresAt };
}

function differs(share: IncomingShareRow, values: Partial<IncomingShareRow>): boolean {
  const text = (value: unknown) => (value instanceof Date ? value.toISOString() : value);
  return Object.entries(values).some(([key, value]) => text(share[key as keyof IncomingShareRow]) !== text(value));
}

/** The owner withdrew it. If it comes before its share, a tombstone keeps the share from coming to life. */
@Injectable()
@HandlesNotification('SHARE_UNSHARED')
export class ShareUnshared extends NotificationHandler {
  constructor(
    private readonly messages: ProviderMessages,
    private readonly tombstones: Tombstones,
    private readonly plainTombstones: PlainTombstones,
  ) {
    super();
  }

  override async handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    const share = await this.messages.find(peer, message);
    if (share) await this.messages.revoke(share);
    else if (message.shareId !== undefined) await this.tombstones.set(peer.id, message.shareId);
    else await this.plainTombstones.set(peer, message);
  }
}

/** The owner changed what the recipient may do. */
@Injectable()
@HandlesNotification('SHARE_PERMISSION_CHANGED')
export class SharePermissionChanged extends NotificationHandler {
  constructor(private readonly messages: ProviderMessages) {
    super();
  }

  override handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    return this.messages.change(peer, message, ({ permission }) => ({ permission: message.permission ?? permission }));
  }
}

/** The owner renamed it, or changed how long it lasts. */
@Injectable()
@HandlesNotification('SHARE_UPDATED')
export class ShareUpdated extends NotificationHandler {
  constructor(private readonly messages: ProviderMessages) {
    super();
  }

  override handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    const { name, description, expiresAt } = message;
    return this.messages.change(peer, message, (share) => ({
      name: name ?? share.name,
      description: description ?? share.description,
      expiresAt: expiresAt === undefined ? share.expiresAt : expiresAt,
    }));
  }
}
