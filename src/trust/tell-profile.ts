import { isDeepStrictEqual } from 'node:util';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { Outbox } from '../outbox/outbox.js';
import { Transactions } from '../persistence/transactions.js';
import { TRUSTED_BY_HAND } from './trusted-by-hand.js';

/** What we say of ourselves, as frozen in its deliveries and compared with what was told last. */
export interface OwnProfile {
  readonly displayName: string;
  readonly domains: readonly string[];
}

/**
 * At the start: whoever trusts us is told if we are called otherwise now, or speak for other domains. Once, whichever node
 * starts first with the new settings; what was told last is in the database.
 */
@Injectable()
export class TellProfile implements OnApplicationBootstrap {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.cloud.switches.federation) return;
    const actor = { kind: 'system', id: 'profile' } as const;
    await runInContext({ requestId: randomId(), actor }, () => this.execute());
  }

  execute(): Promise<void> {
    const { displayName, domains } = this.cloud;
    const profile: OwnProfile = { displayName, domains: [...domains].sort() };
    return this.transactions.run(async () => {
      const [told] = await this.transactions.query<{ profile: OwnProfile | null }>(
        `select told_profile as profile from federation.installation where id = 'self' for update`,
      );
      if (isDeepStrictEqual(told?.profile, profile)) return;
      await this.transactions.query(`update federation.installation set told_profile = $1 where id = 'self'`, [
        JSON.stringify(profile),
      ]);
      await this.tellAll(profile);
      const details = { before: JSON.stringify(told?.profile ?? null), after: JSON.stringify(profile) };
      await this.audit.record({ action: 'self.profile-changed', object: 'self', details });
    });
  }

  /** What a former start has not managed to tell is no news any more. */
  private async tellAll(profile: OwnProfile): Promise<void> {
    const peers = await this.transactions.query<{ id: string }>(
      `select r.id from federation.relationship r where r.state in ('TRUSTED', 'SUSPENDED') and not ${TRUSTED_BY_HAND}
       order by r.id`,
    );
    for (const { id: peer } of peers) {
      await this.outbox.cancel({ peer, kinds: ['trust-profile'] });
      await this.outbox.enqueue({ kind: 'trust-profile', peer, orderingKey: `trust:${peer}`, meaning: profile });
    }
  }
}
