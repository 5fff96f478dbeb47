import { Injectable } from '@nestjs/common';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import type { RelationshipRow } from './relationship.entity.js';

const PROPOSE = `
  insert into federation.relationship_domain (relationship_id, domain, status)
  select $1, domain, 'proposed' from unnest($2::text[]) as domain on conflict do nothing returning domain`;

/** What a peer claims to speak for waits for our operator, except what was approved already. */
@Injectable()
export class ProposeDomains {
  constructor(private readonly transactions: Transactions) {}

  async add(row: RelationshipRow, domains: readonly string[]): Promise<void> {
    await this.transactions.query(PROPOSE, [row.id, besideHost(row, domains)]);
  }

  /** A claim that is made no longer disappears if it still waited; what was approved stays. @returns whether anything changed */
  async replace(row: RelationshipRow, domains: readonly string[]): Promise<boolean> {
    const claimed = besideHost(row, domains);
    const withdrawn = await this.transactions.query(
      `delete from federation.relationship_domain
       where relationship_id = $1 and status = 'proposed' and domain <> all ($2::text[]) returning domain`,
      [row.id, claimed],
    );
    const added = await this.transactions.query(PROPOSE, [row.id, claimed]);
    return withdrawn.length + added.length > 0;
  }

  async waiting(row: RelationshipRow): Promise<string[]> {
    const rows = await this.transactions.query<{ domain: string }>(
      `select domain from federation.relationship_domain where relationship_id = $1 and status = 'proposed' order by domain`,
      [row.id],
    );
    return rows.map(({ domain }) => domain);
  }
}

/** The host is effective by itself. */
function besideHost({ origin }: RelationshipRow, domains: readonly string[]): string[] {
  const { host } = Origin.parse(origin);
  return [...new Set(domains)].filter((domain) => domain !== host);
}
