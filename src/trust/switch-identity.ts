import { Injectable } from '@nestjs/common';
import { Alerts } from '../audit/alerts.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { Transactions } from '../persistence/transactions.js';
import { OWN_KEY_MISSED, type OwnRotationRow } from './own-rotation.entity.js';
import { BY_HAND, RotationPeers, type WaitingPeer } from './rotation-peers.js';
import { TrustRequests } from './trust-requests.js';

interface OpenRotation {
  readonly id: string;
  readonly due: boolean;
}

/** The new key becomes ours: when every peer has it, or when its time has come. One node does so. */
@Injectable()
export class SwitchIdentity {
  constructor(
    private readonly transactions: Transactions,
    private readonly requests: TrustRequests,
    private readonly peers: RotationPeers,
    private readonly alerts: Alerts,
    private readonly audit: AuditTrail,
  ) {}

  async execute(): Promise<void> {
    if (!(await this.isReady(await this.open()))) return;
    await this.transactions.run(async () => {
      // Nobody becomes trusted under the old key in between.
      await this.requests.holdAll();
      const open = await this.open('for update skip locked');
      if (open && (await this.isReady(open))) await this.switch(open.id);
    });
  }

  private async open(lock = ''): Promise<OpenRotation | undefined> {
    const sql = `select id, switch_by <= now() as due from federation.own_rotation where ended_at is null ${lock}`;
    return (await this.transactions.query<OpenRotation>(sql))[0];
  }

  private async isReady(open: OpenRotation | undefined): Promise<boolean> {
    if (!open) return false;
    await this.transactions.run(() => this.peers.tellNewcomers(open.id));
    return open.due || (await this.peers.waiting(open.id)).length === 0;
  }

  private async switch(id: string): Promise<void> {
    const [old] = await this.transactions.query<{ pin: string }>(
      `update federation.own_key set retired_at = now(), private_key_sealed = ''
       where retired_at is null returning pin`,
    );
    // The old key leaves its place first: there is one at a time.
    const [now] = await this.transactions.query<Pick<OwnRotationRow, 'pin'>>(
      `insert into federation.own_key (pin, certificate, private_key_sealed, made_here)
       select pin, certificate, private_key_sealed, true from federation.own_rotation where id = $1 returning pin`,
      [id],
    );
    if (!old || !now) throw new TypeError('a rotation without two keys');
    await this.transactions.query(
      `update federation.own_rotation set ended_at = now(), outcome = 'switched', private_key_sealed = null where id = $1`,
      [id],
    );
    const missed = await this.peers.waiting(id);
    for (const peer of missed) await this.missedBy(peer, id, old.pin, now.pin);
    const told = await this.peers.told(id);
    const details = { before: old.pin, fingerprint: now.pin, told: String(told), missed: String(missed.length) };
    await this.audit.record({ action: 'identity.switched', object: 'identity:self', details });
  }

  /** From now on it is asked whether it knows us, until it does: then the alert is over. */
  private async missedBy({ service, origin, reason }: WaitingPeer, id: string, before: string, fingerprint: string) {
    const details = { origin, reason, before, fingerprint };
    const about = { subject: `service:${service}`, peer: service };
    await this.alerts.raise({ kind: OWN_KEY_MISSED, ...about, level: 'critical', details });
    if (reason !== BY_HAND) await this.peers.keepTelling(id, service);
  }
}
