import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { CallerCertificate } from './caller-certificate.js';
import { JudgedCopies } from './judged-copies.js';
import { RefusedPeers } from './refused-peers.js';
import { Relationships } from './relationships.js';
import { judge, type Verdict } from './verdict.js';
import { WatchCaller } from './watch-caller.js';

/** Who calls? A certificate is read once; it is judged on every request, by a row at most a second old. */
@Injectable()
export class JudgeCaller {
  constructor(
    private readonly callerCertificate: CallerCertificate,
    private readonly relationships: Relationships,
    private readonly copies: JudgedCopies,
    private readonly refusedPeers: RefusedPeers,
    private readonly watchCaller: WatchCaller,
    private readonly clock: Clock,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(request: IncomingMessage): Promise<Verdict> {
    const certificate = this.callerCertificate.of(request);
    if (typeof certificate === 'string') return { kind: certificate };
    const { pin } = certificate;
    const relationship = await this.copies.of(pin, () => this.relationships.byPin(pin));
    const verdict = judge(certificate, relationship, this.clock.now());
    this.refusedPeers.note(verdict, certificate);
    return this.watchCaller.execute(verdict, certificate, relationship, this.cloud.addressOf(request));
  }
}
