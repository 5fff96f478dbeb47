import { Injectable } from '@nestjs/common';
import { In, Not } from 'typeorm';
import { OwnCloud } from '../host/own-cloud.js';
import type { FederatedAddress } from '../kernel/federated-address.js';
import { NotFound } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import { type RelationshipDomainRow, RelationshipRow } from './relationship.entity.js';
import { CallerNotTrusted } from './trust-errors.js';
import { TrustedPeer } from './trusted-peer.js';

const ENDED = ['REVOKED', 'REJECTED'] as const;

/** Reads relationships, and holds them still while something is decided about them. */
@Injectable()
export class Relationships {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /** The relationship that this key belongs to and that has not ended, for a verdict. One indexed read. */
  async byPin(pin: string): Promise<{ peer: TrustedPeer; suspended: boolean } | undefined> {
    const [row] = await this.transactions.query<JudgedRow>(
      `select r.id, r.origin, r.pin, r.policy, r.own_reference, r.peer_reference, r.state,
         array(select d.domain from federation.relationship_domain d
               where d.relationship_id = r.id and d.status = 'effective') as domains
       from federation.relationship r where r.pin = $1 and r.state in ('TRUSTED', 'SUSPENDED')`,
      [pin],
    );
    if (!row) return undefined;
    const references = [row.own_reference, row.peer_reference].filter((reference) => reference !== null);
    const domains = this.effective(Origin.parse(row.origin), row.domains);
    return {
      peer: new TrustedPeer(row.id, row.origin, row.pin, domains, row.policy, references),
      suspended: row.state === 'SUSPENDED',
    };
  }

  /** Peers in whose effective domains the address lies. Two clouds on one host may both claim it. */
  async speakingFor(address: FederatedAddress): Promise<TrustedPeer[]> {
    const rows = await this.transactions
      .repository(RelationshipRow)
      .createQueryBuilder('r')
      .where(`r.state = 'TRUSTED'`)
      .andWhere(
        `(r.origin = :bare or r.origin like :withPort or exists (select from federation.relationship_domain d
          where d.relationship_id = r.id and d.domain = :domain and d.status = 'effective'))`,
        { domain: address.domain, bare: `https://${address.domain}`, withPort: `https://${address.domain}:%` },
      )
      .getMany();
    const peers = await Promise.all(rows.map((row) => this.peerOf(row)));
    return peers.filter((peer) => peer.speaksFor(address));
  }

  async peerOf(row: RelationshipRow): Promise<TrustedPeer> {
    const approved = await this.transactions.query<RelationshipDomainRow>(
      `select domain from federation.relationship_domain where relationship_id = $1 and status = 'effective'`,
      [row.id],
    );
    return TrustedPeer.from(
      row,
      this.effective(
        Origin.parse(row.origin),
        approved.map(({ domain }) => domain),
      ),
    );
  }

  find(id: string): Promise<RelationshipRow | null> {
    return this.transactions.repository(RelationshipRow).findOneBy({ id });
  }

  /** @throws NotFound */
  async lock(id: string): Promise<RelationshipRow> {
    const lock = { mode: 'pessimistic_write' } as const;
    const row = await this.transactions.repository(RelationshipRow).findOne({ where: { id }, lock });
    if (!row) throw new NotFound();
    return row;
  }

  /** The relationship with this origin that has not ended; locked. */
  lockLive(origin: Origin): Promise<RelationshipRow | null> {
    return this.transactions.repository(RelationshipRow).findOne({
      where: { origin: origin.toString(), state: Not(In([...ENDED])) },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /**
   * For whatever writes on behalf of a peer: judges its state again, in the caller's transaction, and keeps it from ending
   * until that transaction has. Either the act is complete before the end, or it does not happen.
   * @throws CallerNotTrusted
   */
  async holdTrusted(peer: TrustedPeer): Promise<void> {
    const rows = await this.transactions.query(
      `select id from federation.relationship where id = $1 and pin = $2 and state = 'TRUSTED' for share`,
      [peer.id, peer.pin],
    );
    if (rows.length === 0) throw new CallerNotTrusted('trust ended while the request was under way');
  }

  /** The origin's host is effective by itself, but nobody ever speaks for a domain of ours. */
  private effective(origin: Origin, approved: readonly string[]): string[] {
    return [...new Set([origin.host, ...approved])].filter((domain) => !this.cloud.domains.includes(domain));
  }
}

interface JudgedRow {
  readonly id: string;
  readonly origin: string;
  readonly pin: string;
  readonly policy: RelationshipRow['policy'];
  readonly own_reference: string;
  readonly peer_reference: string | null;
  readonly state: string;
  readonly domains: string[];
}
