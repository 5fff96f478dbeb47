import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { BY_HAND, RotationPeers } from './rotation-peers.js';

/**
 * Our operator keeps the present key after all. Peers that may know of the other are told: they would give up the present
 * one a week after the announced switch. @throws StateConflict if no rotation runs: it may just have been switched
 */
@Injectable()
export class CancelRotation {
  constructor(
    private readonly transactions: Transactions,
    private readonly peers: RotationPeers,
    private readonly audit: AuditTrail,
  ) {}

  execute(): Promise<void> {
    return this.transactions.run(async () => {
      const [rotation] = await this.transactions.query<{ id: string; pin: string }>(
        `update federation.own_rotation set ended_at = now(), outcome = 'cancelled', private_key_sealed = null
         where ended_at is null returning id, pin`,
      );
      if (!rotation) throw new StateConflict('no rotation runs');
      await this.takeBack(rotation.id);
      const details = { next: rotation.pin };
      await this.audit.record({ action: 'identity.rotation-cancelled', object: 'identity:self', details });
    });
  }

  private async takeBack(rotation: string): Promise<void> {
    const told = await this.transactions.query<{ id: string }>(
      `select r.id from federation.own_rotation_peer p join federation.relationship r on r.id = p.relationship_id
       where p.rotation_id = $1 and p.reason is distinct from $2 and r.state in ('TRUSTED', 'SUSPENDED')`,
      [rotation, BY_HAND],
    );
    for (const { id } of told) await this.peers.tell(rotation, id);
  }
}
