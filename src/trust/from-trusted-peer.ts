import { applyDecorators, createParamDecorator, type ExecutionContext, UseFilters, UseGuards } from '@nestjs/common';
import { ApiForbiddenResponse, ApiSecurity, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { Audience } from '../access/audience.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { OcmErrorFilter } from '../ocm/http/ocm-error.filter.js';
import type { PeerRequest, Stranger } from './peer-request.js';
import { StrangerGuard } from './stranger.guard.js';
import { CallerNotTrusted } from './trust-errors.js';
import { CapabilityOf, TrustedPeerGuard } from './trusted-peer.guard.js';
import type { Capability, TrustedPeer } from './trusted-peer.js';

/** The route answers trusted services only, each told by the client certificate of its connection. */
export function FromTrustedPeer(capability: Capability): MethodDecorator & ClassDecorator {
  return applyDecorators(
    Audience('peer'),
    CapabilityOf(capability),
    UseGuards(TrustedPeerGuard),
    UseFilters(OcmErrorFilter),
    ApiSecurity('clientCertificate'),
    ApiUnauthorizedResponse({ type: ErrorBodyDto, description: 'CLIENT_NOT_AUTHENTICATED: not a trusted service' }),
    ApiForbiddenResponse({ type: ErrorBodyDto, description: 'trusted, but not allowed this' }),
  );
}

/** The route answers anybody who holds the key of a client certificate that names exactly one host. */
export function FromStranger(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    Audience('stranger'),
    UseGuards(StrangerGuard),
    UseFilters(OcmErrorFilter),
    ApiSecurity('clientCertificate'),
    ApiUnauthorizedResponse({
      type: ErrorBodyDto,
      description: 'CLIENT_NOT_AUTHENTICATED: no usable certificate or code',
    }),
  );
}

/** The peer that calls: `create(@Peer() peer: TrustedPeer, …)`. */
export const Peer = createParamDecorator((_: unknown, context: ExecutionContext): TrustedPeer => {
  const { federationPeer } = context.switchToHttp().getRequest<PeerRequest>();
  if (!federationPeer) throw new CallerNotTrusted('a route without its guard');
  return federationPeer;
});

/** The stranger that calls. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Stranger => {
  const { federationStranger } = context.switchToHttp().getRequest<PeerRequest>();
  if (!federationStranger) throw new CallerNotTrusted('a route without its guard');
  return federationStranger;
});
