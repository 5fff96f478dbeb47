import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { NotFound } from '../../kernel/federation-error.js';
import { Transactions } from '../../persistence/transactions.js';

const REVOKE =
  'update federation.api_token set revoked_at = now() where id = $1 and revoked_at is null returning role, label';

/** Ends a token, from the next request on. Revoking it again changes nothing. */
@Injectable()
export class RevokeToken {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws NotFound if there never was such a token. */
  async execute(id: string): Promise<void> {
    if (!/^[\w-]{1,64}$/.test(id)) throw new NotFound('no token has such an id');
    await this.transactions.run(async () => {
      const [revoked] = await this.transactions.query<{ role: string; label: string }>(REVOKE, [id]);
      if (revoked) await this.audit.record({ action: 'token.revoked', object: `token:${id}`, details: { ...revoked } });
      else await this.mustExist(id);
    });
  }

  private async mustExist(id: string): Promise<void> {
    const rows = await this.transactions.query('select from federation.api_token where id = $1', [id]);
    if (rows.length === 0) throw new NotFound(`no token ${id}`);
  }
}
