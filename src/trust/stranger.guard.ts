import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { currentContext } from '../kernel/request-context.js';
import type { PeerRequest, Stranger } from './peer-request.js';
import { presentedCertificate } from './presented-certificate.js';
import { CallerNotTrusted } from './trust-errors.js';
import { objectionTo, type Refusal } from './verdict.js';

/** For the handshake: nobody has to know the caller, but it must hold the key of a certificate that names one host. */
@Injectable()
export class StrangerGuard implements CanActivate {
  constructor(
    private readonly refusals: RefusalCounter,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<PeerRequest>();
    const stranger = this.admit(request);
    request.federationStranger = stranger;
    currentContext().actor = { kind: 'stranger', id: stranger.certificate.pin };
    checkSwitch(this.cloud, 'federation');
    return true;
  }

  private admit({ raw: { socket } }: PeerRequest): Stranger {
    const address = socket.remoteAddress ?? '';
    const certificate = presentedCertificate(socket);
    if (!certificate) throw this.refuse('no-certificate', address);
    const objection = objectionTo(certificate, this.clock.now());
    if (objection || certificate.host === undefined) throw this.refuse(objection ?? 'unreadable', address);
    return { certificate, host: certificate.host, address };
  }

  private refuse(reason: Refusal, address: string): CallerNotTrusted {
    this.refusals.count(reason, address);
    return new CallerNotTrusted(reason);
  }
}
