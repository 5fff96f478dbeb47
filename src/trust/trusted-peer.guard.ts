import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { checkSwitch, type Switch } from '../access/switches.js';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { OwnCloud } from '../host/own-cloud.js';
import { currentContext } from '../kernel/request-context.js';
import { CallRate } from './call-rate.js';
import { JudgeCaller } from './judge-caller.js';
import type { PeerRequest } from './peer-request.js';
import { RefuseCaller } from './refuse-caller.js';
import { CapabilityRefused, PeerSuspended, TooManyRequests } from './trust-errors.js';
import type { Capability, TrustedPeer } from './trusted-peer.js';
import type { Verdict } from './verdict.js';

const SWITCHES: Readonly<Record<Exclude<Capability, 'leaving'>, Switch>> = {
  sharing: 'sharing',
  login: 'login',
  discovery: 'federation',
  trust: 'federation',
};

export const CapabilityOf = Reflector.createDecorator<Capability>();

/** Lets trusted services in, and nobody else. First the caller, then how often it calls, then what is allowed, then the body. */
@Injectable()
export class TrustedPeerGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly judgeCaller: JudgeCaller,
    private readonly callRate: CallRate,
    private readonly refuseCaller: RefuseCaller,
    private readonly refusals: RefusalCounter,
    private readonly cloud: OwnCloud,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<PeerRequest>();
    const capability = this.reflector.getAllAndOverride(CapabilityOf, [context.getHandler(), context.getClass()]);
    const verdict = await this.judgeCaller.execute(request.raw);
    const address = this.cloud.addressOf(request.raw);
    const peer = await this.admit(verdict, capability, address);
    request.federationPeer = peer;
    currentContext().actor = { kind: 'peer', id: peer.id };
    if (capability !== 'leaving') await this.allow(peer, capability, address);
    return true;
  }

  private async admit(verdict: Verdict, capability: Capability, address: string): Promise<TrustedPeer> {
    switch (verdict.kind) {
      case 'trusted':
        return verdict.peer;
      case 'suspended':
        if (capability === 'leaving') return verdict.peer;
        throw new PeerSuspended();
      default:
        throw await this.refuseCaller.execute(verdict.kind, address);
    }
  }

  private async allow(peer: TrustedPeer, capability: Exclude<Capability, 'leaving'>, address: string): Promise<void> {
    if (peer.policy.rate) await this.count(peer, address);
    checkSwitch(this.cloud, SWITCHES[capability]);
    if (!peer.allows(capability)) throw new CapabilityRefused(capability);
  }

  private async count(peer: TrustedPeer, address: string): Promise<void> {
    try {
      await this.callRate.count(peer);
    } catch (error) {
      if (error instanceof TooManyRequests) this.refusals.count('too-many-calls', address);
      throw error;
    }
  }
}
