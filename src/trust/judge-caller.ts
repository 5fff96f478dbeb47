import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { JudgedCopies } from './judged-copies.js';
import { presentedCertificate } from './presented-certificate.js';
import { RefusedPeers } from './refused-peers.js';
import { Relationships } from './relationships.js';
import { judge, type Verdict } from './verdict.js';

/** Who calls? The certificate is read once per socket; it is judged on every request, by a row at most a second old. */
@Injectable()
export class JudgeCaller {
  constructor(
    private readonly relationships: Relationships,
    private readonly copies: JudgedCopies,
    private readonly refusedPeers: RefusedPeers,
    private readonly clock: Clock,
  ) {}

  async execute(socket: Socket): Promise<Verdict> {
    const certificate = presentedCertificate(socket);
    if (!certificate) return { kind: 'no-certificate' };
    const { pin } = certificate;
    const relationship = await this.copies.of(pin, () => this.relationships.byPin(pin));
    const verdict = judge(certificate, relationship, this.clock.now());
    this.refusedPeers.note(verdict, certificate);
    return verdict;
  }
}
