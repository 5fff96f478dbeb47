import { Injectable } from '@nestjs/common';
import { StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { OwnKeys } from './own-keys.js';
import type { PresentedCertificate } from './presented-certificate.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipKeyRow } from './relationship-key.entity.js';

/** How long the old key goes on after the new one was first seen, and at most after the peer meant to have switched. */
const AFTER_SEEN = `interval '24 hours'`;
const AFTER_SWITCH = `interval '7 days'`;

/** The keys that peers are known by. Callers of what changes hold the relationship locked (`Relationships.lock`). */
@Injectable()
export class PeerKeys {
  constructor(
    private readonly transactions: Transactions,
    private readonly ownKeys: OwnKeys,
  ) {}

  /** Pins that the peer may show to us now. Empty once the relationship has ended. */
  async validPins(relationshipId: string): Promise<string[]> {
    const rows = await this.transactions.query<{ pin: string }>(
      `select pin from federation.relationship_key
       where relationship_id = $1 and (valid_until is null or valid_until > now()) order by pin`,
      [relationshipId],
    );
    return rows.map(({ pin }) => pin);
  }

  async announced(relationshipId: string): Promise<RelationshipKeyRow | null> {
    return this.transactions.repository(RelationshipKeyRow).findOneBy({ relationshipId, role: 'announced' });
  }

  /** In place of an earlier announcement. From now on the end of the current key is foreseen. @throws StateConflict */
  async announce({ id }: RelationshipRow, { pin, certificate }: PresentedCertificate, switchBy: Date): Promise<void> {
    await this.withdraw(id);
    await this.add(pin, id, 'announced', certificate, switchBy);
    await this.transactions.query(
      `update federation.relationship_key set switch_by = $2, valid_until = $2::timestamptz + ${AFTER_SWITCH}
       where relationship_id = $1 and role = 'current'`,
      [id, switchBy],
    );
  }

  /** The current key stays. @returns whether another was announced */
  async withdraw(relationshipId: string): Promise<boolean> {
    const gone = await this.transactions.query(
      `delete from federation.relationship_key where relationship_id = $1 and role = 'announced' returning pin`,
      [relationshipId],
    );
    await this.transactions.query(
      `update federation.relationship_key set switch_by = null, valid_until = null
       where relationship_id = $1 and role = 'current' and valid_until is not null`,
      [relationshipId],
    );
    return gone.length > 0;
  }

  /** The announced key was seen: it is the current one from now on. @returns until when the old one goes on */
  async promote(row: RelationshipRow, announced: RelationshipKeyRow): Promise<Date> {
    const { pin, certificate, switchBy } = announced;
    await this.forget(row.id, 'retiring');
    await this.makeCurrent(row.id, pin, certificate);
    const [old] = await this.transactions.query<{ until: Date }>(
      `insert into federation.relationship_key (pin, relationship_id, role, switch_by, valid_until)
       values ($1, $2, 'retiring', $3, least(now() + ${AFTER_SEEN}, $3::timestamptz + ${AFTER_SWITCH}))
       returning valid_until as until`,
      [row.pin, row.id, switchBy],
    );
    if (!old) throw new TypeError('the old key is not there');
    return old.until;
  }

  /** By our operator's word: every other key of the peer ends at once. @throws StateConflict */
  async replace({ id }: RelationshipRow, { pin, certificate }: PresentedCertificate): Promise<void> {
    await this.checkFree(pin, id);
    await this.forget(id, 'announced', 'retiring');
    await this.makeCurrent(id, pin, certificate);
  }

  /** @throws StateConflict if the key is ours, or another peer's. */
  async checkFree(pin: string, relationshipId: string): Promise<void> {
    if (await this.ownKeys.isOurs(pin)) throw new StateConflict('its key is ours');
    if (await this.isTaken(pin, relationshipId)) throw new StateConflict('its key is another peer’s');
  }

  /** Whether it is a key of a relationship that has not ended, apart from this one. */
  async isTaken(pin: string, except = ''): Promise<boolean> {
    const sql = 'select from federation.relationship_key where pin = $1 and relationship_id <> $2';
    return (await this.transactions.query(sql, [pin, except])).length > 0;
  }

  private async makeCurrent(id: string, pin: string, certificate: string | null): Promise<void> {
    await this.transactions.query('update federation.relationship set pin = $2, certificate = $3 where id = $1', [
      id,
      pin,
      certificate,
    ]);
  }

  private async forget(relationshipId: string, ...roles: string[]): Promise<void> {
    const sql = 'delete from federation.relationship_key where relationship_id = $1 and role = any ($2)';
    await this.transactions.query(sql, [relationshipId, roles]);
  }

  /** Two peers that announce one key at once must not both succeed. */
  private async add(pin: string, id: string, role: string, certificate: string, switchBy: Date): Promise<void> {
    const rows = await this.transactions.query(
      `insert into federation.relationship_key (pin, relationship_id, role, certificate, switch_by)
       values ($1, $2, $3, $4, $5) on conflict do nothing returning pin`,
      [pin, id, role, certificate, switchBy],
    );
    if (rows.length === 0) throw new StateConflict('its key is in use already');
  }
}
