import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { HostCalls } from '../../outbox/host-calls.js';
import { outgoingShare } from '../audit-names.js';
import { type CheckedOffer, CheckOffer } from './check-offer.js';
import { DescribeOutgoing } from './describe-outgoing.js';
import type { OutgoingShareDto } from './outgoing.dto.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';
import { RecordOffer } from './record-offer.js';
import { WithdrawShare } from './withdraw-share.js';

/**
 * A share that failed is offered again: another one, with an id and a token of its own, linked from the old. The old one
 * may have arrived after all, so it is taken back: a person is never invited twice to one thing. A plain peer is not told
 * so, for it would keep the new one out.
 */
@Injectable()
export class ResendShare {
  constructor(
    private readonly hostCalls: HostCalls,
    private readonly shares: OutgoingShares,
    private readonly checkOffer: CheckOffer,
    private readonly recordOffer: RecordOffer,
    private readonly withdrawShare: WithdrawShare,
    private readonly describe: DescribeOutgoing,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * @returns the new share
   * @throws NotFound, StateConflict unless it failed and was not resent yet, ValidationFailed if it could not be offered now
   */
  execute(id: string, key?: string): Promise<OutgoingShareDto> {
    checkSwitch(this.cloud, 'sharing');
    return this.hostCalls.once(
      { act: 'shares.outgoing.resend', key, meaning: { id } },
      async (checked) => this.describe.one(await this.replace(id, checked)),
      () => this.check(id),
    );
  }

  private async check(id: string): Promise<CheckedOffer> {
    const share = await this.shares.get(id);
    await this.shares.judge(share, 'resent');
    const { ownerAccount: owner, shareWith, resourceId, name, permission } = share;
    const description = share.description ?? undefined;
    const expiresAt = share.expiresAt?.toISOString();
    return this.checkOffer.execute({ owner, shareWith, resourceId, name, permission, description, expiresAt });
  }

  private async replace(id: string, checked: CheckedOffer): Promise<OutgoingShareRow> {
    await this.recordOffer.hold(checked);
    const old = await this.shares.lock(id);
    await this.shares.judge(old, 'resent');
    await this.withdrawShare.takeBack(old, 'replaced');
    const created = await this.recordOffer.execute(checked);
    const details = { resentAs: created.id };
    await this.shares.update(old, details);
    await this.audit.record({ action: 'share.resent', object: outgoingShare(id), peer: old.relationshipId, details });
    return created;
  }
}
