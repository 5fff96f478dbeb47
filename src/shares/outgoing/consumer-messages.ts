import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { NotFound } from '../../kernel/federation-error.js';
import { EventTeller } from '../../notifications/event-teller.js';
import { HandlesNotification, NotificationHandler } from '../../notifications/notification-handler.js';
import type { NotificationMessage } from '../../ocm/notification.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { outgoingShare } from '../audit-names.js';
import { IncomingShares } from '../incoming/incoming-shares.js';
import { WrongSide } from '../share-errors.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';

type Answered = 'accepted' | 'declined' | 'left';

const ACTIONS = { accepted: 'share.accepted', declined: 'share.declined', left: 'share.left' } as const;
const EVENTS = { accepted: 'share-accepted', declined: 'share-declined', left: 'share-left' } as const;

/** Applies the answer of a recipient's cloud to the share that it is about. */
@Injectable()
export class ConsumerMessages {
  constructor(
    private readonly shares: OutgoingShares,
    private readonly incoming: IncomingShares,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {}

  /** @throws NotFound, WrongSide, ShareWithdrawn, StateConflict */
  async apply(peer: TrustedPeer, message: NotificationMessage, answer: Answered): Promise<void> {
    const share = await this.shares.lockNamed(peer, message);
    if (!share) {
      if (await this.incoming.isNamed(peer, message)) throw new WrongSide();
      throw new NotFound('a message about a share that is not known');
    }
    if ((await this.shares.judge(share, answer)) === answer) await this.move(share, answer);
  }

  private async move(share: OutgoingShareRow, state: Answered): Promise<void> {
    await this.shares.update(share, { state, reason: null, ...(state === 'accepted' ? {} : { tokenHash: null }) });
    await this.audit.record({ action: ACTIONS[state], object: outgoingShare(share.id), peer: share.relationshipId });
    await this.events.tell({
      type: EVENTS[state],
      account: share.ownerAccount,
      share: share.id,
      name: share.name,
      counterpart: share.shareWith,
    });
  }
}

@Injectable()
@HandlesNotification('SHARE_ACCEPTED')
export class ShareAccepted extends NotificationHandler {
  constructor(private readonly messages: ConsumerMessages) {
    super();
  }

  override handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    return this.messages.apply(peer, message, 'accepted');
  }
}

@Injectable()
@HandlesNotification('SHARE_DECLINED')
export class ShareDeclined extends NotificationHandler {
  constructor(private readonly messages: ConsumerMessages) {
    super();
  }

  override handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    return this.messages.apply(peer, message, 'declined');
  }
}

@Injectable()
@HandlesNotification('SHARE_REMOVED')
export class ShareRemoved extends NotificationHandler {
  constructor(private readonly messages: ConsumerMessages) {
    super();
  }

  override handle(peer: TrustedPeer, message: NotificationMessage): Promise<void> {
    return this.messages.apply(peer, message, 'left');
  }
}
