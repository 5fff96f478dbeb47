import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { checkSwitch } from '../access/switches.js';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { OwnCloud } from '../host/own-cloud.js';
import { currentContext } from '../kernel/request-context.js';
import { JudgeCaller } from './judge-caller.js';
import type { PeerRequest } from './peer-request.js';
import { CallerNotTrusted, PeerSuspended } from './trust-errors.js';
import type { TrustedPeer } from './trusted-peer.js';
import type { Verdict } from './verdict.js';

/** What a peer route belongs to. `leaving` is open to a suspended peer, and no switch turns it off. */
export type Capability = 'sharing' | 'trust' | 'leaving';

export const CapabilityOf = Reflector.createDecorator<Capability>();

/** Lets trusted services in, and nobody else. First the caller, then the switches, then whatever the body is worth. */
@Injectable()
export class TrustedPeerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly judgeCaller: JudgeCaller,
    private readonly refusals: RefusalCounter,
    private readonly cloud: OwnCloud,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<PeerRequest>();
    const capability = this.reflector.getAllAndOverride(CapabilityOf, [context.getHandler(), context.getClass()]);
    const verdict = await this.judgeCaller.execute(request.raw.socket);
    const peer = this.admit(verdict, capability, request.raw.socket.remoteAddress ?? '');
    request.federationPeer = peer;
    currentContext().actor = { kind: 'peer', id: peer.id };
    this.checkSwitches(capability);
    return true;
  }

  private admit(verdict: Verdict, capability: Capability, address: string): TrustedPeer {
    switch (verdict.kind) {
      case 'trusted':
        return verdict.peer;
      case 'suspended':
        if (capability === 'leaving') return verdict.peer;
        throw new PeerSuspended();
      default:
        this.refusals.count(verdict.kind, address);
        throw new CallerNotTrusted(verdict.kind);
    }
  }

  private checkSwitches(capability: Capability): void {
    if (capability !== 'leaving') checkSwitch(this.cloud, capability === 'sharing' ? 'sharing' : 'federation');
  }
}
