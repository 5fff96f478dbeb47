import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { currentContext } from '../kernel/request-context.js';
import { CallerCertificate } from './caller-certificate.js';
import type { PeerRequest, Stranger } from './peer-request.js';
import { RefuseCaller } from './refuse-caller.js';
import { objectionTo } from './verdict.js';

/** For the handshake: nobody has to know the caller, but it must hold the key of a certificate that names one host. */
@Injectable()
export class StrangerGuard implements CanActivate {
  constructor(
    private readonly callerCertificate: CallerCertificate,
    private readonly refuseCaller: RefuseCaller,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<PeerRequest>();
    const stranger = await this.admit(request);
    request.federationStranger = stranger;
    currentContext().actor = { kind: 'stranger', id: stranger.certificate.pin };
    checkSwitch(this.cloud, 'federation');
    return true;
  }

  private async admit({ raw }: PeerRequest): Promise<Stranger> {
    const address = this.cloud.addressOf(raw);
    const certificate = this.callerCertificate.of(raw);
    if (typeof certificate === 'string') throw await this.refuseCaller.execute(certificate, address);
    const objection = objectionTo(certificate, this.clock.now());
    if (objection || certificate.host === undefined) {
      throw await this.refuseCaller.execute(objection ?? 'unreadable', address);
    }
    return { certificate, host: certificate.host, address };
  }
}
