import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Clock } from '../kernel/clock.js';
import { NotFound, StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { spkiPin } from '../transport/certificates.js';
import { PeerClient } from '../transport/peer-client.js';
import type { PeerEndpoint } from '../transport/peer-endpoint.js';
import { PeerEndpoints } from './peer-endpoints.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import type { TestedServiceDto } from './service-test.dto.js';
import { findingsOf } from './service-test-findings.js';
import { TrustRequests } from './trust-requests.js';
import { isTrustedByHand } from './trusted-by-hand.js';

/** With the database before and after it, an operator waits 10 s at most. Milliseconds. */
const PING = { method: 'POST', path: '/federation/ping', deadlineMs: 9_000 } as const;

/**
 * Our operator wants to know now whether a peer can be reached, and if not, why: name, address, TCP, TLS, certificate, its
 * answer, our certificate as it sees it, its clock. Calls the peer within the operator's request, which no other route does:
 * the call is what was asked for. Always on a new connection, so that what is open already hides nothing.
 *
 * Changes nothing but the audit trail and the last result. Two at once are fine; the later one stays.
 * @throws NotFound; StateConflict if it has ended, or waits for our operator's answer: nobody is called before that.
 */
@Injectable()
export class TestService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly endpoints: PeerEndpoints,
    private readonly client: PeerClient,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  async execute(id: string): Promise<TestedServiceDto> {
    const relationship = await this.living(id);
    const endpoint = await this.endpointOf(relationship);
    const walked = await this.client.walk(endpoint, PING);
    const at = this.clock.now();
    const steps = findingsOf(walked, {
      authority: endpoint.base.authority,
      state: relationship.state,
      trustedByHand: isTrustedByHand(relationship),
      pin: spkiPin(new X509Certificate(endpoint.credential.certificate)),
      references: referencesOf(relationship),
      at,
    });
    const tested = { ok: steps.every(({ ok }) => ok), at: at.toISOString(), steps };
    await this.keep(relationship, tested);
    return tested;
  }

  private async living(id: string): Promise<RelationshipRow> {
    const relationship = await this.relationships.find(id);
    if (!relationship) throw await this.notYet(id);
    if (relationship.state === 'REVOKED' || relationship.state === 'REJECTED') throw new StateConflict('it has ended');
    return relationship;
  }

  private async notYet(id: string): Promise<Error> {
    const isWaiting = (await this.requests.find(id))?.state === 'pending';
    return isWaiting ? new StateConflict('it waits to be accepted or rejected') : new NotFound();
  }

  /** While we confirm, the only key that a listener of its own may show is that of the request. */
  private async endpointOf(relationship: RelationshipRow): Promise<PeerEndpoint> {
    const request = relationship.state === 'CONFIRMING' ? await this.requests.find(relationship.id) : null;
    return request ? this.endpoints.ofRequest(request) : this.endpoints.of(relationship);
  }

  private keep({ id, origin }: RelationshipRow, { ok, at, steps }: TestedServiceDto): Promise<void> {
    const failed = steps.find((step) => !step.ok);
    const difference = steps.find(({ step }) => step === 'clock')?.differenceMilliseconds;
    return this.transactions.run(async () => {
      await this.transactions.query(
        `insert into federation.relationship_test as t (relationship_id, at, ok, step, reason) values ($1, $2, $3, $4, $5)
         on conflict (relationship_id) do update
         set at = excluded.at, ok = excluded.ok, step = excluded.step, reason = excluded.reason where t.at <= excluded.at`,
        [id, at, ok, failed?.step ?? null, failed?.reason ?? null],
      );
      await this.audit.record({
        action: 'trust.tested',
        object: `service:${id}`,
        peer: id,
        details: {
          origin,
          ok,
          ...(failed && { step: failed.step, reason: failed.reason ?? null, detail: failed.detail ?? null }),
          ...(difference !== undefined && { clockDifferenceMilliseconds: difference }),
        },
      });
    });
  }
}

/** Who trusted by hand was told no reference, and has told none. */
function referencesOf(relationship: RelationshipRow): string[] {
  if (isTrustedByHand(relationship)) return [];
  return [relationship.ownReference, relationship.peerReference].filter((reference) => reference !== null);
}
