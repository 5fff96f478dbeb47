import type { RunningFederation } from '../index.js';
import type { Environment } from './environment.js';
import type { KeyAndCertificate } from './setting-files.js';
import { peerRoots, webCertificate } from './watched-certificates.js';
import { WatchedFiles } from './watched-files.js';

/** How often files are looked at, in milliseconds. */
const EVERY_MS = 2_000;

/** The files of certificates, which may change while the server runs: looked at every 2 s, and whenever somebody asks. */
export class CertificateFiles {
  private readonly watched: readonly WatchedFiles<unknown>[];
  private readonly timer: NodeJS.Timeout;
  private stopped = false;

  /** @param web the web certificate that is shown now; undefined if it is not ours to show */
  constructor(
    environment: Environment,
    private readonly federation: RunningFederation,
    web: KeyAndCertificate | undefined,
  ) {
    this.watched = [
      ...(web ? [new WatchedFiles(webCertificate(environment, federation, web))] : []),
      ...(environment.settings.PEER_CA_FILE ? [new WatchedFiles(peerRoots(environment, federation))] : []),
    ];
    this.timer = setInterval(() => void this.look(false), EVERY_MS).unref();
  }

  /** Reads everything at once, and says what cannot be used, even if it was said before. */
  reload(): Promise<void> {
    this.federation.logger.log('reading certificate files again');
    return this.look(true);
  }

  /** Resolves when nothing is looked at any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await Promise.all(this.watched.map((files) => files.idle()));
  }

  private async look(insist: boolean): Promise<void> {
    if (this.stopped) return;
    const looks = await Promise.allSettled(this.watched.map((files) => files.look(insist)));
    for (const look of looks) {
      if (look.status === 'rejected') this.federation.logger.warn(`an alert has to wait: ${String(look.reason)}`);
    }
  }
}
