import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { parseDomainName } from '../kernel/domain-name.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import { follow } from './trust-life.js';

/** Our operator says which domains a peer speaks for, beside its host; what is not named falls back to proposed. */
@Injectable()
export class ApproveDomains {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /** @throws ValidationFailed; StateConflict if a domain is ours, or another peer's. */
  execute(relationshipId: string, domains: readonly string[]): Promise<RelationshipRow> {
    const parsed = domains.map((domain) => parseDomainName(domain));
    if (parsed.includes(undefined)) throw ValidationFailed.of('domains', 'INVALID');
    const wanted = [...new Set(parsed.filter((domain) => domain !== undefined))];
    return this.transactions.run(async () => {
      await this.takeTurns();
      const relationship = await this.relationships.lock(relationshipId);
      follow('changed', relationship.state);
      await this.checkOverlap(relationship, wanted);
      await this.store(relationship, wanted);
      return relationship;
    });
  }

  /** A new peer's host is its domain by itself. @throws StateConflict if it was approved for another peer. */
  async checkHost({ host }: Origin): Promise<void> {
    await this.takeTurns();
    const others = await this.transactions.query(
      `select d.domain from federation.relationship_domain d join federation.relationship r on r.id = d.relationship_id
       where d.domain = $1 and d.status = 'effective' and r.state not in ('REVOKED', 'REJECTED')
         and r.origin <> $2 and r.origin not like $3`,
      [host, `https://${host}`, `https://${host}:%`],
    );
    if (others.length > 0) throw new StateConflict('its host is a domain of another peer');
  }

  /** Two operators approving one domain for two peers at once must not both succeed. */
  private async takeTurns(): Promise<void> {
    await this.transactions.query(`select pg_advisory_xact_lock(hashtext('entente domains'))`);
  }

  private async checkOverlap(relationship: RelationshipRow, wanted: readonly string[]): Promise<void> {
    if (wanted.some((domain) => this.cloud.domains.includes(domain))) throw new StateConflict('a domain is ours');
    const others = await this.transactions.query<{ origin: string; domain: string | null }>(
      `select r.origin, d.domain from federation.relationship r
       left join federation.relationship_domain d on d.relationship_id = r.id and d.status = 'effective'
       where r.id <> $1 and r.state not in ('REVOKED', 'REJECTED')`,
      [relationship.id],
    );
    const taken = new Set(others.flatMap(({ origin, domain }) => [Origin.parse(origin).host, domain]));
    const ownHost = Origin.parse(relationship.origin).host;
    if (wanted.some((domain) => domain !== ownHost && taken.has(domain)))
      throw new StateConflict('a domain is another peer’s');
  }

  private async store(relationship: RelationshipRow, wanted: readonly string[]): Promise<void> {
    await this.transactions.query(
      `update federation.relationship_domain set status = 'proposed' where relationship_id = $1 and status = 'effective'`,
      [relationship.id],
    );
    await this.transactions.query(
      `insert into federation.relationship_domain (relationship_id, domain, status)
       select $1, domain, 'effective' from unnest($2::text[]) as domain
       on conflict (relationship_id, domain) do update set status = 'effective'`,
      [relationship.id, wanted],
    );
    await this.audit.record({
      action: 'trust.domains-approved',
      object: `service:${relationship.id}`,
      peer: relationship.id,
      details: { domains: wanted.join(' ') },
    });
  }
}
