import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import { Origin } from '../kernel/origin.js';
import { type SealContext, Secret } from '../kernel/secret.js';
import { Holds } from '../outbox/holds.js';
import { Outbox } from '../outbox/outbox.js';
import { Transactions } from '../persistence/transactions.js';
import { CallRate } from './call-rate.js';
import { TrustEndHandlers } from './on-trust-ended.js';
import { ProposeDomains } from './propose-domains.js';
import { RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { follow } from './trust-life.js';

/** What the other side proved when trust arose. */
export interface Proof {
  readonly pin: string;
  readonly certificate: string;
  readonly endpoint: string;
  readonly displayName: string;
  readonly domains: readonly string[];
}

export type EndState = 'REVOKED' | 'REJECTED';

/** The changes of state that a relationship can make, each with its audit row. Callers hold the row locked. */
@Injectable()
export class RelationshipLife {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
    private readonly outbox: Outbox,
    private readonly holds: Holds,
    private readonly callRate: CallRate,
    private readonly cloud: OwnCloud,
    private readonly endHandlers: TrustEndHandlers,
    private readonly proposeDomains: ProposeDomains,
  ) {}

  /** Our operator asks for trust. */
  async request(origin: Origin, code: Secret, expectedFingerprint: string | null): Promise<RelationshipRow> {
    const id = randomId();
    const codeSealed = this.cloud.sealKey.seal(code, relationshipCode(id));
    const row = { state: 'REQUESTED', codeHash: code.hash(), codeSealed, expectedFingerprint } as const;
    return this.create({ id, origin: origin.toString(), endpoint: origin.toString(), ...row }, 'trust.requested');
  }

  /** Our operator answers a request for trust: the request becomes a relationship under the same id. */
  async answer(request: TrustRequestRow, state: 'CONFIRMING' | 'REJECTED'): Promise<RelationshipRow> {
    const { id, origin, endpoint, displayName } = request;
    const reason = state === 'REJECTED' ? 'REJECTED_BY_US' : null;
    const row = await this.create(
      { id, origin, endpoint, displayName, state, reason },
      state === 'REJECTED' ? 'trust.rejected' : 'trust.accepted',
      { fingerprint: request.pin },
    );
    await this.proposeDomains.add(row, request.domains);
    return row;
  }

  /** Our operator gives the key of a cloud that knows no handshake. A plain cloud is called where it lives. */
  trustByHand(
    origin: Origin,
    { pin, certificate }: Pick<Proof, 'pin' | 'certificate'>,
    expectedFingerprint: string | null,
  ): Promise<RelationshipRow> {
    const place = { origin: origin.toString(), endpoint: origin.toString(), displayName: origin.host };
    const row = { id: randomId(), ...place, state: 'TRUSTED', pin, certificate, expectedFingerprint } as const;
    return this.create(row, 'trust.established', { fingerprint: pin, by: 'hand' });
  }

  /** Trust arises, and from the next request on the peer is let in. @throws StateConflict where it cannot arise any more */
  async trust(row: RelationshipRow, proof: Proof, values: Partial<RelationshipRow> = {}): Promise<void> {
    if (follow('confirmed', row.state) === 'nothing') return;
    await this.outbox.cancel({ peer: row.id, kinds: ['trust-request'] });
    const { pin, certificate, endpoint, displayName } = proof;
    const trusted = {
      pin,
      certificate,
      endpoint,
      displayName,
      codeSealed: null,
      state: 'TRUSTED',
      reason: null,
    } as const;
    await this.update(row, { ...trusted, since: new Date(), ...values });
    await this.proposeDomains.add(row, proof.domains);
    await this.audit.record({
      action: 'trust.established',
      object: `service:${row.id}`,
      peer: row.id,
      details: { fingerprint: pin, origin: row.origin },
    });
  }

  /**
   * The end, from whichever side and state: what hangs on the trust ends in the same transaction.
   * @param cancelled kinds of deliveries that are taken back, default all; whoever settles a delivery leaves its kind out
   */
  async end(row: RelationshipRow, state: EndState, reason: string, cancelled?: readonly string[]): Promise<void> {
    if (follow(state === 'REVOKED' ? 'ended' : 'denied', row.state) === 'nothing') return;
    const wasTrusted = row.state === 'TRUSTED' || row.state === 'SUSPENDED';
    // However much hangs on it: a peer must not make itself too big to be revoked.
    await this.transactions.query('set local statement_timeout = 0');
    await this.update(row, { state, reason, since: new Date(), codeSealed: null });
    if (wasTrusted) await this.endHandlers.run({ relationship: row.id, origin: Origin.parse(row.origin) });
    await this.transactions.query(
      `update federation.relationship_domain set status = 'ended' where relationship_id = $1`,
      [row.id],
    );
    await this.transactions.query(
      `update federation.trust_request set state = 'ended', outcome = $2 where relationship_id = $1 and state = 'confirming'`,
      [row.id, reason],
    );
    await this.outbox.cancel({ peer: row.id, kinds: cancelled });
    await this.holds.release(row.id);
    await this.callRate.forget(row.id);
    const action = state === 'REVOKED' ? 'trust.revoked' : 'trust.rejected';
    await this.audit.record({
      action,
      object: `service:${row.id}`,
      peer: row.id,
      details: { reason, origin: row.origin },
    });
  }

  async update(row: RelationshipRow, values: Partial<RelationshipRow>): Promise<void> {
    await this.transactions.repository(RelationshipRow).update({ id: row.id }, values);
    Object.assign(row, values);
  }

  private async create(values: Partial<RelationshipRow>, action: string, details: Record<string, string> = {}) {
    const repository = this.transactions.repository(RelationshipRow);
    const row = repository.create({
      displayName: '',
      policy: {},
      since: new Date(),
      ...values,
      ownReference: randomId(),
    });
    await repository.insert(row);
    await this.audit.record({
      action,
      object: `service:${row.id}`,
      peer: row.id,
      details: { ...details, origin: row.origin },
    });
    return row;
  }
}

/** Our own code, sealed in the relationship until the request is over. */
export function relationshipCode(relationshipId: string): SealContext {
  return ['relationship', relationshipId, ''];
}

/** Their code, sealed in the request until we have quoted it. */
export function requestCode(requestId: string): SealContext {
  return ['trust_request', requestId, ''];
}
