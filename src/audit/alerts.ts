import { Injectable, Logger } from '@nestjs/common';
import { NotFound } from '../kernel/federation-error.js';
import { randomId } from '../kernel/ids.js';
import { currentContext } from '../kernel/request-context.js';
import { type Cursor, momentText, PAGE_SIZE, type Page, pageOf } from '../persistence/keyset.js';
import { Transactions } from '../persistence/transactions.js';
import type { AuditDetails } from './audit-row.js';
import { AuditTrail } from './audit-trail.js';

/** Something that an operator has to look at. */
export interface Raised {
  /** One of our own words with dashes: `peer-key-unannounced`. */
  readonly kind: string;
  /** `noun:id` of what it is about. One alert is open per kind and subject; nobody from outside may choose subjects freely. */
  readonly subject: string;
  /** Id of the relationship concerned. */
  readonly peer?: string | null;
  readonly level: 'warning' | 'critical';
  /** It is told again when this changes: `30`, then `14` days. */
  readonly stage?: string;
  /** What it takes to act. Never a secret. */
  readonly details?: AuditDetails;
}

export interface Alert {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly peer: string | null;
  readonly level: Raised['level'];
  readonly details: AuditDetails;
  /** How often it was raised since it is open. */
  readonly times: number;
  /** UTC with microseconds. */
  readonly raisedAt: string;
  readonly lastRaisedAt: string;
  /** Null while it is open. */
  readonly settledAt: string | null;
  /** Id of the token that settled it; `system` if what it was about is over. */
  readonly settledBy: string | null;
}

/** What was last told about a subject. */
export interface LatestAlert extends Pick<Alert, 'subject' | 'details' | 'settledBy'> {
  readonly stage: string;
}

const COLUMNS = `id, kind, subject, peer, level, details, times, ${momentText('raised_at')} as "raisedAt",
  ${momentText('last_raised_at')} as "lastRaisedAt", ${momentText('settled_at')} as "settledAt", settled_by as "settledBy"`;

// `known` is as it was before: news is what was not open, or stood at another stage.
const RAISE = `
  with known as (select stage from federation.alert where kind = $2 and subject = $3 and settled_at is null),
  raised as (
    insert into federation.alert as a (id, kind, subject, peer, level, stage, details) values ($1, $2, $3, $4, $5, $6, $7::jsonb)
    on conflict (kind, subject) where settled_at is null do update set times = a.times + 1, last_raised_at = clock_timestamp(),
      peer = excluded.peer, level = excluded.level, stage = excluded.stage, details = excluded.details
    returning stage
  )
  select not exists (select from known where known.stage = raised.stage) as news from raised`;

const LATEST = `
  select distinct on (subject) subject, stage, details, settled_by as "settledBy" from federation.alert
  where kind = $1 order by subject, raised_at desc`;

const SETTLE = `
  with old as (delete from federation.alert where settled_at < now() - interval '90 days')
  update federation.alert set settled_at = clock_timestamp(), settled_by = $1 where settled_at is null`;

/** What an operator has to look at, open until it is over or settled. Settled ones are kept for 90 days. */
@Injectable()
export class Alerts {
  private readonly logger = new Logger(Alerts.name);

  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Opens an alert, or counts one that is open; in the caller's transaction, if there is one. What is new is audited
   * (`alert.raised`) and logged as a warning.
   */
  raise({ kind, subject, peer = null, level, stage = '', details = {} }: Raised): Promise<void> {
    return this.transactions.run(async () => {
      const values = [randomId(), kind, subject, peer, level, stage, JSON.stringify(details)];
      const [row] = await this.transactions.query<{ news: boolean }>(RAISE, values);
      if (!row?.news) return;
      await this.audit.record({ action: 'alert.raised', object: subject, peer, details: { ...details, kind, level } });
      this.transactions.afterCommit(() => this.logger.warn({ alert: kind, subject, peer, level, ...details }));
    });
  }

  /** What it was about is over. Nothing happens if no such alert is open. */
  settle(kind: string, subject: string): Promise<void> {
    return this.transactions.run(() => this.close('system', 'and kind = $2 and subject = $3', [kind, subject]));
  }

  /** The newest alert of this kind about each subject, open or not. */
  latest(kind: string): Promise<LatestAlert[]> {
    return this.transactions.query<LatestAlert>(LATEST, [kind]);
  }

  /** The relationship is over, and with it all that was open about it. */
  settleAllOf(peer: string): Promise<void> {
    return this.transactions.run(() => this.close('system', 'and peer = $2', [peer]));
  }

  /** An operator has seen to it; settling it again changes nothing. It comes back if it is raised again. @throws NotFound */
  settleById(id: string): Promise<Alert> {
    return this.transactions.run(async () => {
      await this.close(currentContext().actor.id, 'and id = $2', [id.includes('\0') ? '' : id]);
      const [alert] = await this.transactions.query<Alert>(`select ${COLUMNS} from federation.alert where id = $1`, [
        id.includes('\0') ? '' : id,
      ]);
      if (!alert) throw new NotFound('no alert has such an id');
      return alert;
    });
  }

  /** Relationships about which such an alert is open. */
  async openPeers(kind: string): Promise<string[]> {
    const rows = await this.transactions.query<{ peer: string }>(
      'select peer from federation.alert where kind = $1 and settled_at is null and peer is not null',
      [kind],
    );
    return rows.map(({ peer }) => peer);
  }

  /** Newest first. @param open only those that wait, or only settled ones; default all */
  async list(open?: boolean, cursor?: Cursor, limit: number = PAGE_SIZE): Promise<Page<Alert>> {
    const conditions = ['true'];
    const parameters: unknown[] = [limit + 1];
    if (open !== undefined) conditions.push(`settled_at is ${open ? '' : 'not '}null`);
    if (cursor)
      conditions.push(
        `(raised_at, id) < ($${parameters.push(cursor.at)}::timestamptz, $${parameters.push(cursor.id)})`,
      );
    const rows = await this.transactions.query<Alert>(
      `select ${COLUMNS} from federation.alert where ${conditions.join(' and ')}
       order by raised_at desc, id desc limit $1`,
      parameters,
    );
    return pageOf(
      rows,
      limit,
      ({ raisedAt, id }) => ({ at: raisedAt, id }),
      (row) => row,
    );
  }

  private async close(by: string, condition: string, parameters: readonly string[]): Promise<void> {
    const closed = await this.transactions.query<{ kind: string; subject: string; peer: string | null }>(
      `${SETTLE} ${condition} returning kind, subject, peer`,
      [by, ...parameters],
    );
    for (const { kind, subject, peer } of closed) {
      await this.audit.record({ action: 'alert.settled', object: subject, peer, details: { kind } });
    }
  }
}
