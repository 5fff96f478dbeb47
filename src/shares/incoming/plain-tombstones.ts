import { Injectable } from '@nestjs/common';
import type { NotificationMessage } from '../../ocm/notification.js';
import { recipientText } from '../../ocm/recipient.js';
import type { ShareOffer } from '../../ocm/share-offer.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';

/** Tombstones of one peer, at most; the oldest go first. */
const PER_PEER = 1_000;
const DAYS = 30;
/** Of a withdrawal that named nobody. */
const EVERYBODY = '';

/** Withdrawals that came before their shares, where shares have no ids: by resource and recipient, as the peer spells them. */
@Injectable()
export class PlainTombstones {
  constructor(private readonly transactions: Transactions) {}

  async has(peer: TrustedPeer, { providerId, recipient }: ShareOffer): Promise<boolean> {
    const rows = await this.transactions.query(
      `select 1 from federation.plain_tombstone
       where relationship_id = $1 and provider_id = $2 and share_with in ($3, $4)
         and created_at > now() - make_interval(days => ${DAYS})`,
      [peer.id, providerId, recipientText(recipient), EVERYBODY],
    );
    return rows.length > 0;
  }

  async set(peer: TrustedPeer, { providerId, recipient }: NotificationMessage): Promise<void> {
    await this.transactions.query(
      `insert into federation.plain_tombstone (relationship_id, provider_id, share_with) values ($1, $2, $3)
       on conflict (relationship_id, provider_id, share_with) do update set created_at = now()`,
      [peer.id, providerId, recipient ? recipientText(recipient) : EVERYBODY],
    );
    await this.transactions.query(
      `delete from federation.plain_tombstone where relationship_id = $1 and
         (created_at < now() - make_interval(days => ${DAYS}) or (provider_id, share_with) in (
           select provider_id, share_with from federation.plain_tombstone where relationship_id = $1
           order by created_at desc, provider_id, share_with offset ${PER_PEER}))`,
      [peer.id],
    );
  }
}
