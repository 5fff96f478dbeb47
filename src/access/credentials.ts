import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { API_TOKEN } from './api-token.js';
import { ROLES, type Role } from './role.js';

/** A caller who showed a valid token. */
export interface Credential {
  /** Id of the token; `bootstrap` for the one from the settings. */
  readonly id: string;
  readonly roles: readonly Role[];
}

const BOOTSTRAP: Credential = { id: 'bootstrap', roles: ROLES };

interface TokenRow {
  readonly id: string;
  readonly role: Role;
  readonly stale: boolean;
}

const NOT_USED_LATELY = `(last_used_at is null or last_used_at < now() - interval '1 minute')`;

/** Tells whose a bearer token is. Tokens are stored hashed; revoking one takes effect with the next request. */
@Injectable()
export class Credentials {
  private readonly bootstrapHash: string;

  constructor(
    private readonly transactions: Transactions,
    cloud: OwnCloud,
  ) {
    this.bootstrapHash = cloud.options.adminToken.hash();
  }

  /** Undefined for anything that is not a valid token now. */
  async verify(token: Secret): Promise<Credential | undefined> {
    if (token.matches(this.bootstrapHash)) return BOOTSTRAP;
    if (!API_TOKEN.test(token.reveal())) return undefined;
    const [row] = await this.transactions.query<TokenRow>(
      `select id, role, ${NOT_USED_LATELY} as stale from federation.api_token where token_hash = $1 and revoked_at is null`,
      [token.hash()],
    );
    if (!row) return undefined;
    if (row.stale) await this.noteUse(row.id);
    return { id: row.id, roles: [row.role] };
  }

  /** To the minute: not every request should write. */
  private async noteUse(id: string): Promise<void> {
    await this.transactions.query(
      `update federation.api_token set last_used_at = now() where id = $1 and ${NOT_USED_LATELY}`,
      [id],
    );
  }
}
