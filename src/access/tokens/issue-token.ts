import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { randomId } from '../../kernel/ids.js';
import { momentText } from '../../persistence/keyset.js';
import { Transactions } from '../../persistence/transactions.js';
import { newApiToken } from '../api-token.js';
import type { IssuedTokenDto, IssueTokenDto } from './token.dto.js';

const INSERT = `
  insert into federation.api_token (id, role, label, token_hash) values ($1, $2, $3, $4)
  returning ${momentText('created_at')} as created_at`;

/** Makes a token. The answer is the only place where it can ever be read. */
@Injectable()
export class IssueToken {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
  ) {}

  async execute({ role, label }: IssueTokenDto): Promise<IssuedTokenDto> {
    const id = randomId();
    const token = newApiToken();
    const createdAt = await this.transactions.run(async () => {
      const [row] = await this.transactions.query<{ created_at: string }>(INSERT, [id, role, label, token.hash()]);
      await this.audit.record({ action: 'token.issued', object: `token:${id}`, details: { role, label } });
      return row?.created_at ?? '';
    });
    return { id, role, label, createdAt, token: token.reveal() };
  }
}
