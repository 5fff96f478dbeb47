import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Alerts, type LatestAlert } from '../audit/alerts.js';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { Transactions } from '../persistence/transactions.js';
import { certificateStage } from './certificate-stage.js';
import { type CertificateInUse, CertificatesInUse } from './certificates-in-use.js';
import { CertificatesSeen } from './certificates-seen.js';
import { OwnIdentity } from './own-identity.js';

const HOUR_MS = 3_600_000;
const KIND = 'certificate-ending';

/**
 * Raises an alert 30, 14, 7 and 1 days before a certificate ends, and when it has; settles it when one is in use that lasts
 * longer. Every node looks at its start and every hour, one after the other; what was told is told once, whoever looks, and
 * again only at the next stage, even if an operator has settled it.
 */
@Injectable()
export class CertificateWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(CertificateWatch.name);
  private timer: NodeJS.Timeout | undefined;
  private looking = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly transactions: Transactions,
    private readonly alerts: Alerts,
    private readonly inUse: CertificatesInUse,
    private readonly seen: CertificatesSeen,
    private readonly identity: OwnIdentity,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), HOUR_MS).unref();
    this.identity.onChange(() => this.wake());
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.looking;
  }

  /** A certificate may have changed: looks now instead of within the hour. */
  wake(): void {
    this.looking = this.looking
      .then(() => (this.stopped ? undefined : this.look()))
      .catch((error: unknown) => this.logger.warn(`certificates were not looked at: ${String(error)}`));
  }

  /** @param now default: the database's clock */
  async look(now?: Date): Promise<void> {
    await this.seen.noteOwn();
    const context = { requestId: randomId(), actor: { kind: 'system', id: 'certificates' } } as const;
    await runInContext(context, () => this.transactions.run(() => this.judgeAll(now)));
  }

  private async judgeAll(now?: Date): Promise<void> {
    await this.transactions.query(`select pg_advisory_xact_lock(hashtext('entente certificate watch'))`);
    const at = now ?? (await this.transactions.now());
    const told = new Map((await this.alerts.latest(KIND)).map((alert) => [alert.subject, alert]));
    for (const certificate of await this.inUse.list()) {
      await this.judge(certificate, at, told.get(certificate.subject));
      told.delete(certificate.subject);
    }
    // What is not in use any more cannot end.
    for (const gone of told.values()) await this.settle(gone);
  }

  private async judge(inUse: CertificateInUse, now: Date, told: LatestAlert | undefined): Promise<void> {
    const { subject, peer, certificate, fingerprint, advice } = inUse;
    const until = inUse.until.toISOString();
    const near = certificateStage(inUse.until, now);
    if (!near) return this.settle(told);
    const isTold = told?.stage === near.stage && told.details.until === until && told.settledBy !== 'system';
    if (isTold) return;
    const details = { certificate, until, days: near.days, fingerprint, advice };
    await this.alerts.raise({ kind: KIND, subject, peer, level: near.level, stage: near.stage, details });
  }

  private async settle(told: LatestAlert | undefined): Promise<void> {
    if (told?.settledBy === null) await this.alerts.settle(KIND, told.subject);
  }
}
