import { Injectable } from '@nestjs/common';
import { NotFound } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import type { RotationDto } from './own-certificate.dto.js';
import { OwnIdentity } from './own-identity.js';
import { OwnRotationRow } from './own-rotation.entity.js';
import { RotationPeers } from './rotation-peers.js';

/** How far the change of our key has come, or how the last one ended. @throws NotFound if there never was one */
@Injectable()
export class DescribeRotation {
  constructor(
    private readonly transactions: Transactions,
    private readonly identity: OwnIdentity,
    private readonly peers: RotationPeers,
  ) {}

  async execute(): Promise<RotationDto> {
    const [latest] = await this.transactions
      .repository(OwnRotationRow)
      .find({ order: { startedAt: 'DESC', id: 'DESC' }, take: 1 });
    if (!latest) throw new NotFound('our key was never changed');
    const { id, pin, outcome, switchBy, startedAt, endedAt } = latest;
    return {
      state: outcome ?? 'running',
      fingerprint: this.identity.current().pin,
      next: pin,
      switchBy: switchBy.toISOString(),
      startedAt: startedAt.toISOString(),
      endedAt: endedAt?.toISOString() ?? null,
      certificate: latest.certificate,
      told: await this.peers.told(id),
      waiting: outcome === 'cancelled' ? [] : await this.peers.waiting(id),
    };
  }
}
