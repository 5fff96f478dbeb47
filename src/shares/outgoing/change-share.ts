import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import type { Permission } from '../../ocm/permission.js';
import { Transactions } from '../../persistence/transactions.js';
import { outgoingShare } from '../audit-names.js';
import { type ShareMessage, ShareMessages } from '../share-messages.js';
import { DescribeOutgoing } from './describe-outgoing.js';
import type { OutgoingShareDto } from './outgoing.dto.js';
import type { OutgoingShareRow } from './outgoing-share.entity.js';
import { OutgoingShares } from './outgoing-shares.js';
import { PlainNames } from './plain-names.js';

export interface ShareChange {
  readonly permission?: Permission;
  readonly name?: string;
  readonly description?: string;
  /** ISO 8601; null = no longer expires. */
  readonly expiresAt?: string | null;
}

/**
 * The owner changes a share: true here at once, told in order. What is not named, or is so already, is left alone. One
 * that has expired comes back with a later end.
 */
@Injectable()
export class ChangeShare {
  constructor(
    private readonly transactions: Transactions,
    private readonly shares: OutgoingShares,
    private readonly plainNames: PlainNames,
    private readonly messages: ShareMessages,
    private readonly describe: DescribeOutgoing,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * @throws NotFound, ValidationFailed
   * @throws StateConflict if it has ended, or expired and a plain OCM 0.0.3 peer holds another of its resource by now
   */
  async execute(id: string, change: ShareChange): Promise<OutgoingShareDto> {
    checkSwitch(this.cloud, 'sharing');
    const expiresAt = typeof change.expiresAt === 'string' ? new Date(change.expiresAt) : change.expiresAt;
    if (expiresAt && expiresAt <= (await this.transactions.now())) throw ValidationFailed.of('expiresAt', 'INVALID');
    return this.transactions.run(async () => {
      const share = await this.shares.lock(id);
      await this.shares.judge(share, expiresAt === undefined ? 'changed' : 'prolonged');
      if (share.flavour === 'plain' && (await this.shares.isExpired(share))) await this.plainNames.claim(share);
      if (change.permission !== undefined && change.permission !== share.permission) {
        await this.apply(share, { permission: change.permission }, 'SHARE_PERMISSION_CHANGED');
      }
      const update = differences(share, { name: change.name, description: change.description, expiresAt });
      if (Object.keys(update).length > 0) await this.apply(share, update, 'SHARE_UPDATED');
      return this.describe.one(share);
    });
  }

  private async apply(share: OutgoingShareRow, values: Partial<OutgoingShareRow>, type: ShareMessage['type']) {
    const sequence = Number(share.sequence) + 1;
    const isTold = values.expiresAt === undefined ? {} : { expiryTold: false };
    await this.shares.update(share, { ...values, ...isTold, sequence: String(sequence) });
    const { permission, name, description, expiresAt } = values;
    await this.messages.send({
      share,
      message: {
        type,
        shareId: share.shareId,
        providerId: share.resourceId,
        shareWith: share.shareWith,
        permission,
        name,
        description: description ?? undefined,
        expiresAt: expiresAt instanceof Date ? expiresAt.toISOString() : expiresAt,
        sequence,
      },
    });
    const details = { type, ...(permission ? { permission } : {}) };
    await this.audit.record({
      action: 'share.changed',
      object: outgoingShare(share.id),
      peer: share.relationshipId,
      details,
    });
  }
}

interface Updatable {
  readonly name?: string;
  readonly description?: string;
  readonly expiresAt?: Date | null;
}

function differences(share: OutgoingShareRow, { name, description, expiresAt }: Updatable): Partial<OutgoingShareRow> {
  return {
    ...(name !== undefined && name !== share.name ? { name } : {}),
    ...(description !== undefined && description !== share.description ? { description } : {}),
    ...(expiresAt !== undefined && expiresAt?.getTime() !== share.expiresAt?.getTime() ? { expiresAt } : {}),
  };
}
