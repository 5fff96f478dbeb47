import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { randomId } from '../kernel/ids.js';
import { runInContext } from '../kernel/request-context.js';
import { OwnIdentity } from './own-identity.js';
import { RenewCertificate } from './renew-certificate.js';
import { SwitchIdentity } from './switch-identity.js';

const EVERY_MS = 1_000;

/** Once in a second, on every node: switches and renews what is due, and takes over what another node has. */
@Injectable()
export class WatchIdentity implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(WatchIdentity.name);
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private failing = false;

  constructor(
    private readonly identity: OwnIdentity,
    private readonly switchIdentity: SwitchIdentity,
    private readonly renewCertificate: RenewCertificate,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.look(), EVERY_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  /** Resolves once this look, or the one under way, is over. */
  look(): Promise<void> {
    const actor = { kind: 'system', id: 'identity' } as const;
    this.looking ??= runInContext({ requestId: randomId(), actor }, () => this.lookNow()).finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** A failure is said once, and not again before it has worked. */
  private async lookNow(): Promise<void> {
    try {
      await this.switchIdentity.execute();
      await this.renewCertificate.execute();
      await this.identity.reload();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.logger.error(`cannot look after our federation certificate: ${String(error)}`);
      this.failing = true;
    }
  }
}
