import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '../audit/audit-trail.js';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { EventTeller } from '../notifications/event-teller.js';
import { Transactions } from '../persistence/transactions.js';
import { incomingShare, outgoingShare } from './audit-names.js';

const EVERY_MS = 15_000;
/** Shares a transaction. */
const BATCH = 200;

const OUTGOING = `
  update federation.outgoing_share set expiry_told = true
  where id in (select id from federation.outgoing_share
    where not expiry_told and expires_at <= now() and state in ('pending-delivery', 'pending', 'accepted')
    order by id limit ${BATCH} for update skip locked)
  returning id, relationship_id, owner_account as account, name, share_with as counterpart, expires_at`;
const INCOMING = `
  update federation.incoming_share set expiry_told = true
  where id in (select id from federation.incoming_share
    where not expiry_told and expires_at <= now() and state in ('pending', 'accepted')
    order by id limit ${BATCH} for update skip locked)
  returning id, relationship_id, recipient_account as account, name, owner as counterpart, expires_at`;

interface Lapsed {
  readonly id: string;
  readonly relationship_id: string;
  readonly account: string;
  readonly name: string;
  readonly counterpart: string;
  readonly expires_at: Date;
}

/**
 * That the time of a share is over follows from its row, and needs nobody. This only tells: the trail and the person here,
 * once each time that it ends, on whichever node looks first.
 */
@Injectable()
export class TellExpiry implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Shares');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
    private readonly events: EventTeller,
  ) {}

  onApplicationBootstrap(): void {
    const tell = () =>
      this.execute().catch((error: unknown) => this.logger.error(`expiry is not told: ${String(error)}`));
    this.timer = setInterval(() => {
      this.running = this.running.then(tell);
    }, EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  async execute(): Promise<void> {
    const actor = { kind: 'system', id: 'expiry' } as const;
    await runInContext({ requestId: randomId(), actor }, async () => {
      while ((await this.tell(OUTGOING, outgoingShare)) === BATCH);
      while ((await this.tell(INCOMING, incomingShare)) === BATCH);
    });
  }

  private tell(sql: string, object: (id: string) => string): Promise<number> {
    return this.transactions.run(async () => {
      const shares = await this.transactions.query<Lapsed>(sql);
      await this.audit.recordAll(shares.map((share) => eventOf(share, object)));
      for (const { id, account, name, counterpart } of shares) {
        await this.events.tell({ type: 'share-expired', account, share: id, name, counterpart });
      }
      return shares.length;
    });
  }
}

function eventOf({ id, relationship_id: peer, expires_at }: Lapsed, object: (id: string) => string): AuditEvent {
  return { action: 'share.expired', object: object(id), peer, details: { expiresAt: expires_at.toISOString() } };
}
