import { Injectable } from '@nestjs/common';
import { momentText, type Page, pageOf, parseCursor, parseLimit } from '../../persistence/keyset.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TokenDto } from './token.dto.js';

const NEWEST_FIRST = `
  select id, role, label, ${momentText('created_at')} as "createdAt", ${momentText('last_used_at')} as "lastUsedAt",
    ${momentText('revoked_at')} as "revokedAt"
  from federation.api_token
  where $1::timestamptz is null or (created_at, id) < ($1::timestamptz, $2)
  order by created_at desc, id desc limit $3`;

/** Every token that was ever issued, newest first; never the tokens themselves. */
@Injectable()
export class ListTokens {
  constructor(private readonly transactions: Transactions) {}

  /** @throws ValidationFailed for `cursor` or `limit`. */
  async execute(cursor?: unknown, limit?: unknown): Promise<Page<TokenDto>> {
    const after = parseCursor(cursor);
    const size = parseLimit(limit);
    const rows = await this.transactions.query<TokenDto>(NEWEST_FIRST, [after?.at, after?.id, size + 1]);
    return pageOf(
      rows,
      size,
      ({ createdAt, id }) => ({ at: createdAt, id }),
      (row) => row,
    );
  }
}
