import { Injectable } from '@nestjs/common';
import { AuditTrail, entryParts } from '../../audit/audit-trail.js';
import { EventTeller } from '../../notifications/event-teller.js';
import { inboxParts, isIdempotencyKey } from '../../outbox/inbox-parts.js';
import { deliveryPart, Outbox } from '../../outbox/outbox.js';
import { Transactions } from '../../persistence/transactions.js';
import { QUEUE } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { ACCOUNT } from '../forgotten-accounts.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import { NAME } from './incoming-shares.js';
import { invitation, offered } from './new-share.js';

const SHARE_COLUMNS = `id, relationship_id, share_id, provider_id, owner, share_with, recipient_account, name, description,
  permission, expires_at, state, protocol_names, protocols_sealed, offer_digest, created_at`;

const INBOX = inboxParts(42, 'share');

/**
 * Parameters: 1 relationship, 2 pin, 3 policy as judged, 4 name of the share among locks, 5 domain of the owner unless it is
 * the peer's host; 6 to 21 the share, 22 to 33 its audit entry, 34 to 41 its event, 42 to 45 key and answer.
 */
const WRITE = {
  name: 'shares-write-offer',
  text: `
  with trusted as materialized (
    select r.id from federation.relationship r
    where r.id = $1 and r.pin = $2 and r.state = 'TRUSTED' and r.policy = $3::jsonb
      and case when ${INBOX.isFree}
        then pg_try_advisory_xact_lock_shared(${QUEUE('$1')}) and pg_try_advisory_xact_lock_shared(${ACCOUNT('$12')})
          and pg_try_advisory_xact_lock(${NAME('$4')}) else false end
    for share of r
  ),
  free as materialized (select t.id from trusted t where federation.may_come(t.id, $8, $12, $5)),
  share as (
    insert into federation.incoming_share (${SHARE_COLUMNS})
    select $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::timestamptz, $17, $18::jsonb, $19, $20, $21::timestamptz
    from free on conflict do nothing returning id
  ),
  ${INBOX.claimed},
  ${entryParts(22, 'share')},
  ${deliveryPart(34, 'share')}
  select case when not exists (select from share) then false
    when $43::text is null or exists (select from claimed) then true
    else federation.take_back('an Idempotency-Key was used a moment ago') end as written`,
};

/** SQLSTATE of `take_back`, whose text PostgreSQL logs: for what could not be seen before the share was written, and nothing else. */
const TAKEN_BACK = 'ENT01';

/**
 * The usual offer, in one statement that commits by itself: a new share of a trusted peer, its audit entry, the event for
 * the host and the answer to its key; all of them or nothing. A transaction takes a dozen round trips for the same.
 *
 * Nothing is decided here: whatever is not as usual leaves nothing behind, and the transaction finds out what to say. So
 * does whatever crosses with it. It never waits for a lock that is held for the same peer, account or share (`try`): whoever
 * ends the trust or the account goes first, and of two calls about one share or with one key the second. A change of the relationship that it does wait for
 * (`for share`) makes PostgreSQL judge the newest row again. And as the statement sees nothing that was committed after it
 * began, `may_come` looks again once the locks are held, for a withdrawal that came
 * first, the recipient, and the owner's domain.
 */
@Injectable()
export class WriteOffer {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
    private readonly outbox: Outbox,
    private readonly events: EventTeller,
  ) {}

  /**
   * @param peer as judged, at most a second ago
   * @param answer what a repeat of the key is answered with
   * @returns whether it was written
   */
  async execute(peer: TrustedPeer, share: IncomingShareRow, key: string | undefined, answer: object): Promise<boolean> {
    if (share.shareId === null || (key !== undefined && !isIdempotencyKey(key))) return false;
    const event = this.outbox.promiseFirst(this.events.deliveryOf(invitation(share)));
    const values = [
      ...[peer.id, peer.pin, JSON.stringify(peer.policy), `${peer.id} ${share.shareId}`, foreignDomain(peer, share)],
      ...columnsOf(share),
      ...this.audit.valuesOf(offered(share)),
      ...event.values,
      ...[peer.id, key ?? null, share.offerDigest, JSON.stringify(answer)],
    ];
    const written = await this.write(values);
    if (written) {
      this.audit.added();
      event.committed();
    }
    return written;
  }

  private async write(values: unknown[]): Promise<boolean> {
    try {
      const [row] = await this.transactions.prepared<{ written: boolean }>(WRITE, values);
      return row?.written ?? false;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === TAKEN_BACK) return false;
      throw error;
    }
  }
}

/** What the origin itself does not vouch for. */
function foreignDomain({ origin }: TrustedPeer, { owner }: IncomingShareRow): string | null {
  const domain = owner.slice(owner.lastIndexOf('@') + 1);
  return domain === origin.host ? null : domain;
}

function columnsOf(share: IncomingShareRow): unknown[] {
  return [
    ...[share.id, share.relationshipId, share.shareId, share.providerId, share.owner, share.shareWith],
    ...[share.recipientAccount, share.name, share.description, share.permission, share.expiresAt, share.state],
    ...[JSON.stringify(share.protocolNames), share.protocolsSealed, share.offerDigest, share.createdAt],
  ];
}
