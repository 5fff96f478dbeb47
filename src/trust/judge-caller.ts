import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { presentedCertificate } from './presented-certificate.js';
import { Relationships } from './relationships.js';
import { judge, type Verdict } from './verdict.js';

/** Who calls? The certificate is read once per socket; the verdict on it comes from the row, on every request. */
@Injectable()
export class JudgeCaller {
  constructor(
    private readonly relationships: Relationships,
    private readonly clock: Clock,
  ) {}

  async execute(socket: Socket): Promise<Verdict> {
    const certificate = presentedCertificate(socket);
    if (!certificate) return { kind: 'no-certificate' };
    return judge(certificate, await this.relationships.byPin(certificate.pin), this.clock.now());
  }
}
