import { Injectable } from '@nestjs/common';
import { Alerts } from '../audit/alerts.js';
import { Transactions } from '../persistence/transactions.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { PresentedKeyRow } from './relationship-key.entity.js';

/** An alert's kind: somebody who names a peer's host shows a key that was not announced. */
const UNANNOUNCED = 'peer-key-unannounced';

const KEEP = `
  insert into federation.presented_key (relationship_id, pin, certificate, network)
  select r.id, $2, $3, $4 from federation.relationship r
  where r.id = $1 and r.state in ('TRUSTED', 'SUSPENDED') for share of r
  on conflict (relationship_id) do update
  set pin = excluded.pin, certificate = excluded.certificate, network = excluded.network, at = now()
  returning relationship_id`;

/** A relationship that a certificate may belong to, by the host that it names. */
export interface Candidate {
  readonly id: string;
  readonly origin: string;
  readonly pin: string;
}

/** Keys that peers may have changed to without a word: the latest of each, and the alert about it. */
@Injectable()
export class PresentedKeys {
  constructor(
    private readonly transactions: Transactions,
    private readonly alerts: Alerts,
  ) {}

  find(relationshipId: string): Promise<PresentedKeyRow | null> {
    return this.transactions.repository(PresentedKeyRow).findOneBy({ relationshipId });
  }

  /** @param origins of everybody whom the certificate may belong to: one host may carry two clouds */
  async keep(candidate: Candidate, shown: PresentedCertificate, network: string, origins: string): Promise<void> {
    const { id, pin: known } = candidate;
    const kept = await this.transactions.query(KEEP, [id, shown.pin, shown.certificate, network]);
    // It has ended since, and with it all its alerts.
    if (kept.length === 0) return;
    const details = { known, presented: shown.pin, network, mayBe: origins, advice: ADVICE };
    await this.alerts.raise({ kind: UNANNOUNCED, subject: `service:${id}`, peer: id, level: 'critical', details });
  }

  /** The question is answered. @param pin if it was about this key; default: whichever */
  async forget(relationshipId: string, pin?: string): Promise<void> {
    const gone = await this.transactions.query(
      `delete from federation.presented_key where relationship_id = $1 and ($2::text is null or pin = $2)
       returning relationship_id`,
      [relationshipId, pin ?? null],
    );
    if (gone.length > 0) await this.alerts.settle(UNANNOUNCED, `service:${relationshipId}`);
  }
}

const ADVICE =
  'Anybody can make a certificate that names this host: this proves nothing. Compare the fingerprint with the operator ' +
  'of the peer by telephone before you re-approve it.';
