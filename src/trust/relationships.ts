import { Injectable } from '@nestjs/common';
import { In, Not } from 'typeorm';
import { OwnCloud } from '../host/own-cloud.js';
import type { FederatedAddress } from '../kernel/federated-address.js';
import { NotFound } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import { type Judged, JudgedCopies, type JudgedKey } from './judged-copies.js';
import { type RelationshipDomainRow, RelationshipRow } from './relationship.entity.js';
import type { KeyRole } from './relationship-key.entity.js';
import { CallerNotTrusted, CapabilityRefused, PeerSuspended } from './trust-errors.js';
import { type Capability, TrustedPeer } from './trusted-peer.js';

const ENDED = ['REVOKED', 'REJECTED'] as const;

/** By a key that holds now, whichever of the peer's keys it is. */
const JUDGED = `
  select r.id, r.origin, k.pin, k.role, r.certificate, r.policy, r.own_reference, r.peer_reference, r.state,
    array(select d.domain from federation.relationship_domain d
          where d.relationship_id = r.id and d.status = 'effective') as domains
  from federation.relationship_key k join federation.relationship r on r.id = k.relationship_id
  where k.pin = $1 and (k.valid_until is null or k.valid_until > now())`;

/**
 * Key of a fair queue before each row. Row locks are not fair: a peer that keeps enough calls under way, all of which share
 * the row, would keep whoever wants to end its trust waiting for ever. @param id SQL
 */
export const QUEUE = (id: string): string => `hashtextextended('entente relationship ' || ${id}, 0)`;

/** Reads relationships, and holds them still while something is decided about them. */
@Injectable()
export class Relationships {
  constructor(
    private readonly transactions: Transactions,
    private readonly copies: JudgedCopies,
    private readonly cloud: OwnCloud,
  ) {}

  /** The relationship that this key belongs to and that has not ended, for a verdict. One indexed read. */
  async byPin(pin: string): Promise<JudgedKey | undefined> {
    const sql = `${JUDGED} and r.state in ('TRUSTED', 'SUSPENDED')`;
    const [row] = await this.transactions.query<JudgedRow>(sql, [pin]);
    return row && { ...this.judgedRow(row), role: row.role, certificate: row.certificate };
  }

  /** Peers in whose effective domains the address lies, suspended ones too. Two clouds on one host may both claim it. */
  async speakingFor(address: FederatedAddress): Promise<Judged[]> {
    const rows = await this.transactions
      .repository(RelationshipRow)
      .createQueryBuilder('r')
      .where(`r.state in ('TRUSTED', 'SUSPENDED')`)
      .andWhere(
        `(r.origin = :bare or r.origin like :withPort or exists (select from federation.relationship_domain d
          where d.relationship_id = r.id and d.domain = :domain and d.status = 'effective'))`,
        { domain: address.domain, bare: `https://${address.domain}`, withPort: `https://${address.domain}:%` },
      )
      .getMany();
    const judged = rows.map(async (row) => ({ peer: await this.peerOf(row), suspended: row.state === 'SUSPENDED' }));
    return (await Promise.all(judged)).filter(({ peer }) => peer.speaksFor(address));
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

  /** Whether it has not ended: what is said to a peer that is suspended waits. */
  async isLive(id: string): Promise<boolean> {
    return this.transactions.repository(RelationshipRow).existsBy({ id, state: Not(In([...ENDED])) });
  }

  isSuspended(id: string): Promise<boolean> {
    return this.transactions.repository(RelationshipRow).existsBy({ id, state: 'SUSPENDED' });
  }

  /** Whoever locks a row means to change it: copies of it are dropped at the commit. @throws NotFound */
  async lock(id: string): Promise<RelationshipRow> {
    this.transactions.afterCommit(() => this.copies.dropAll());
    await this.transactions.query(`select pg_advisory_xact_lock(${QUEUE('$1')})`, [id]);
    const lock = { mode: 'pessimistic_write' } as const;
    const row = await this.transactions.repository(RelationshipRow).findOne({ where: { id }, lock });
    if (!row) throw new NotFound();
    return row;
  }

  /** The relationship with this origin that has not ended. */
  findLive(origin: Origin): Promise<RelationshipRow | null> {
    const where = { origin: origin.toString(), state: Not(In([...ENDED])) };
    return this.transactions.repository(RelationshipRow).findOneBy(where);
  }

  /** The same; locked. */
  lockLive(origin: Origin): Promise<RelationshipRow | null> {
    this.transactions.afterCommit(() => this.copies.dropAll());
    return this.transactions.repository(RelationshipRow).findOne({
      where: { origin: origin.toString(), state: Not(In([...ENDED])) },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /**
   * For whatever writes on behalf of a peer: judges it again, and what its policy allows, and holds it as it is.
   * @returns the peer as it is now: its domains may have changed since the request was judged.
   * @throws CallerNotTrusted, PeerSuspended, CapabilityRefused
   */
  async holdTrusted(peer: TrustedPeer, capability: Capability): Promise<TrustedPeer> {
    const judged = await this.hold(peer);
    if (!judged) throw new CallerNotTrusted('trust ended while the request was under way');
    if (judged.suspended) throw new PeerSuspended();
    if (!judged.peer.allows(capability)) throw new CapabilityRefused(capability);
    return judged.peer;
  }

  /**
   * Reads the relationship again, in the caller's transaction, and keeps it from ending until that transaction has. Either
   * the act is complete before the end, or it does not happen. Undefined if there is no trust any more.
   */
  async hold(peer: TrustedPeer): Promise<Judged | undefined> {
    await this.transactions.query(`select pg_advisory_xact_lock_shared(${QUEUE('$1')})`, [peer.id]);
    const [row] = await this.transactions.query<JudgedRow>(
      `${JUDGED} and r.id = $2 and r.state in ('TRUSTED', 'SUSPENDED') for share of r`,
      [peer.pin, peer.id],
    );
    return row && this.judgedRow(row);
  }

  private judgedRow(row: JudgedRow): Judged {
    const references = [row.own_reference, row.peer_reference].filter((reference) => reference !== null);
    const domains = this.effective(Origin.parse(row.origin), row.domains);
    const peer = new TrustedPeer(row.id, row.origin, row.pin, domains, row.policy, references);
    return { peer, suspended: row.state === 'SUSPENDED' };
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
  readonly role: KeyRole;
  readonly certificate: string | null;
  readonly policy: RelationshipRow['policy'];
  readonly own_reference: string;
  readonly peer_reference: string | null;
  readonly state: string;
  readonly domains: string[];
}
