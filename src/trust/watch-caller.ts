import { Injectable } from '@nestjs/common';
import type { JudgedKey } from './judged-copies.js';
import { NoticeStrangeKey } from './notice-strange-key.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { SeeKey } from './see-key.js';
import type { Verdict } from './verdict.js';

/** What a caller's certificate tells beside the verdict: that a peer has switched its key or renewed its certificate, or may have. */
@Injectable()
export class WatchCaller {
  constructor(
    private readonly seeKey: SeeKey,
    private readonly noticeStrangeKey: NoticeStrangeKey,
  ) {}

  /** @returns the verdict; one on an unknown key says more, if its certificate names a peer */
  async execute(
    verdict: Verdict,
    certificate: PresentedCertificate,
    relationship: JudgedKey | undefined,
    address: string,
  ): Promise<Verdict> {
    if (!relationship) {
      const isNamed = await this.noticeStrangeKey.execute(certificate, address);
      return isNamed ? { kind: 'key-unannounced' } : verdict;
    }
    const isPeer = verdict.kind === 'trusted' || verdict.kind === 'suspended';
    if (isPeer) await this.seeKey.execute(relationship, certificate);
    return verdict;
  }
}
