import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { HostCalls } from '../../outbox/host-calls.js';
import { Transactions } from '../../persistence/transactions.js';
import { incomingShare } from '../audit-names.js';
import { ShareMessages } from '../share-messages.js';
import { DescribeIncoming } from './describe-incoming.js';
import type { IncomingShareDto } from './incoming.dto.js';
import type { IncomingShareRow } from './incoming-share.entity.js';
import { IncomingShares } from './incoming-shares.js';

const ANSWERS = {
  accepted: { type: 'SHARE_ACCEPTED', action: 'share.accepted' },
  declined: { type: 'SHARE_DECLINED', action: 'share.declined' },
  left: { type: 'SHARE_REMOVED', action: 'share.left' },
} as const;

/** What a recipient does with a share: true here at once, told to the provider. Doing it again changes nothing. */
@Injectable()
export class AnswerOffer {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: IncomingShares,
    private readonly describe: DescribeIncoming,
    private readonly hostCalls: HostCalls,
    private readonly messages: ShareMessages,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /** @param key the caller's `Idempotency-Key` @throws NotFound, StateConflict if it has ended or expired */
  async acceptById(id: string, key?: string): Promise<IncomingShareDto> {
    checkSwitch(this.cloud, 'sharing');
    return this.hostCalls.once({ act: 'shares.incoming.accept', key, meaning: { id } }, async () =>
      this.describe.one(await this.accept(await this.shares.lock(id))),
    );
  }

  /** @throws NotFound, StateConflict if it was accepted or has ended otherwise */
  declineById(id: string, key?: string): Promise<IncomingShareDto> {
    return this.hostCalls.once({ act: 'shares.incoming.decline', key, meaning: { id } }, async () =>
      this.describe.one(await this.answer(await this.shares.lock(id), 'declined')),
    );
  }

  /** A share that still waits is declined. @throws NotFound, StateConflict if it has ended otherwise */
  async leaveById(id: string): Promise<void> {
    await this.transactions.run(async () => this.answer(await this.shares.lock(id), 'left'));
  }

  /** Of a share that the caller holds locked, or has just made. */
  accept(share: IncomingShareRow): Promise<IncomingShareRow> {
    return this.answer(share, 'accepted');
  }

  private async answer(share: IncomingShareRow, event: 'accepted' | 'declined' | 'left'): Promise<IncomingShareRow> {
    const state = await this.shares.judge(share, event);
    if (state !== 'accepted' && state !== 'declined' && state !== 'left') return share;
    const credentials = state === 'accepted' ? { reason: null } : { protocolsSealed: null, confirmed: false };
    await this.shares.update(share, { state, ...credentials });
    await this.tell(share, ANSWERS[state]);
    return share;
  }

  private async tell(share: IncomingShareRow, { type, action }: (typeof ANSWERS)[keyof typeof ANSWERS]) {
    await this.messages.send({
      share,
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
