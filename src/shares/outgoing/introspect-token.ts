import { Injectable } from '@nestjs/common';
import type { Secret } from '../../kernel/secret.js';
import { Transactions } from '../../persistence/transactions.js';
import type { IntrospectionDto } from './outgoing.dto.js';

/**
 * What a token that we gave out is worth at this moment (RFC 7662). Worth nothing unless its share is accepted, has not
 * expired by the database's clock, and the peer that holds it is trusted; then `{ active: false }` and not a word more.
 *
 * `owner` is a member of our own, as section 2.2 of the RFC provides for: what a file platform calls its resources need
 * not be unique beyond one account. The RFC's `username` would fit its letter, but reads as a name of `sub`.
 */
@Injectable()
export class IntrospectToken {
  constructor(private readonly transactions: Transactions) {}

  async execute(token: Secret): Promise<IntrospectionDto> {
    const [share] = await this.transactions.query<LiveShare>(
      `select s.share_id, s.owner, s.share_with, s.resource_id, s.permission, s.expires_at
       from federation.outgoing_share s join federation.relationship r on r.id = s.relationship_id
       where s.token_hash = $1 and s.state = 'accepted' and r.state = 'TRUSTED'
         and (s.expires_at is null or s.expires_at > now())`,
      [token.hash()],
    );
    if (!share) return { active: false };
    return {
      active: true,
      sub: share.share_with,
      scope: share.permission,
      share_id: share.share_id,
      owner: share.owner,
      resource_id: share.resource_id,
      exp: share.expires_at ? Math.floor(share.expires_at.getTime() / 1000) : undefined,
    };
  }
}

interface LiveShare {
  readonly share_id: string;
  readonly owner: string;
  readonly share_with: string;
  readonly resource_id: string;
  readonly permission: string;
  readonly expires_at: Date | null;
}
