import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { Clock } from '../../kernel/clock.js';
import { StateConflict } from '../../kernel/federation-error.js';
import { Transactions } from '../../persistence/transactions.js';
import { incomingShare } from '../audit-names.js';
import { ShareMessages } from '../share-messages.js';
import { stateAt } from '../share-state.js';
import type { IncomingShareRow, IncomingState } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';

/** What a recipient does with a share: true here at once, told to the provider. Doing it again changes nothing. */
@Injectable()
export class AnswerOffer {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: IncomingShares,
    private readonly messages: ShareMessages,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly cloud: OwnCloud,
  ) {}

  /** @throws NotFound, StateConflict if it has ended or expired */
  async acceptById(id: string): Promise<IncomingShareRow> {
    checkSwitch(this.cloud, 'sharing');
    return this.transactions.run(async () => this.accept(await this.shares.lock(id)));
  }

  /** @throws NotFound, StateConflict if it was accepted or has ended otherwise */
  declineById(id: string): Promise<IncomingShareRow> {
    return this.transactions.run(async () => this.decline(await this.shares.lock(id)));
  }

  /** A share that still waits is declined. @throws NotFound, StateConflict if it has ended otherwise */
  leaveById(id: string): Promise<void> {
    return this.transactions.run(async () => {
      const share = await this.shares.lock(id);
      if (share.state === 'pending' || share.state === 'declined') await this.decline(share);
      else await this.leave(share);
    });
  }

  /** Of a share that the caller holds locked, or has just made. */
  async accept(share: IncomingShareRow): Promise<IncomingShareRow> {
    if (share.state === 'accepted') return share;
    if (stateAt(share, this.clock.now()) !== 'pending') throw new StateConflict(`it is ${share.state}`);
    await this.shares.update(share, { state: 'accepted', reason: null });
    await this.tell(share, 'SHARE_ACCEPTED', 'share.accepted');
    return share;
  }

  private async decline(share: IncomingShareRow): Promise<IncomingShareRow> {
    if (share.state === 'declined') return share;
    if (share.state !== 'pending') throw new StateConflict(`it is ${share.state}`);
    await this.end(share, 'declined');
    await this.tell(share, 'SHARE_DECLINED', 'share.declined');
    return share;
  }

  private async leave(share: IncomingShareRow): Promise<void> {
    if (share.state === 'left') return;
    if (share.state !== 'accepted') throw new StateConflict(`it is ${share.state}`);
    await this.end(share, 'left');
    await this.tell(share, 'SHARE_REMOVED', 'share.left');
  }

  private end(share: IncomingShareRow, state: IncomingState): Promise<void> {
    return this.shares.update(share, { state, protocolsSealed: null, confirmed: false });
  }

  private async tell(
    share: IncomingShareRow,
    type: 'SHARE_ACCEPTED' | 'SHARE_DECLINED' | 'SHARE_REMOVED',
    action: string,
  ) {
    await this.messages.send({
      share: share.id,
      peer: share.relationshipId,
      message: {
        type,
        shareId: share.shareId ?? undefined,
        providerId: share.providerId,
        shareWith: share.shareId === null ? share.shareWith : undefined,
      },
      isEnding: type !== 'SHARE_ACCEPTED',
    });
    await this.audit.record({ action, object: incomingShare(share.id), peer: share.relationshipId });
  }
}
