import { createParamDecorator, type ExecutionContext, type PipeTransform } from '@nestjs/common';
import { FederationError } from '../../kernel/federation-error.js';
import { DEFAULT_DIALECT, decodeShare, dialectNamed } from '../dialects.js';
import type { NotificationMessage } from '../notification.js';
import type { ShareOffer } from '../share-offer.js';
import { readJsonBody } from './read-json-body.js';
import type { FederationRequest } from './request.js';

/** Body → strict JSON → the dialect it is written in → meaning. Needs the whole request: who calls completes the meaning. */
export class SharePipe implements PipeTransform<FederationRequest, ShareOffer> {
  transform(request: FederationRequest): ShareOffer {
    const peerHost = callerOf(request).origin.host;
    return decodeShare(readJsonBody(request.body), { peerHost });
  }
}

export class NotificationPipe implements PipeTransform<FederationRequest, NotificationMessage> {
  transform(request: FederationRequest): NotificationMessage {
    callerOf(request);
    return dialectNamed(DEFAULT_DIALECT).decodeNotification(readJsonBody(request.body));
  }
}

const WholeRequest = createParamDecorator(
  (_: unknown, context: ExecutionContext): FederationRequest => context.switchToHttp().getRequest(),
);

/** The offered share: `create(@Peer() peer: TrustedPeer, @OcmShare() offer: ShareOffer)`. */
export function OcmShare(): ParameterDecorator {
  return WholeRequest(new SharePipe());
}

/** The notification: `create(@Peer() peer: TrustedPeer, @OcmNotification() message: NotificationMessage)`. */
export function OcmNotification(): ParameterDecorator {
  return WholeRequest(new NotificationPipe());
}

/** A route without the guard of peers reads nothing. */
function callerOf(request: FederationRequest): NonNullable<FederationRequest['federationPeer']> {
  if (request.federationPeer) return request.federationPeer;
  throw new FederationError('unauthenticated', 'CLIENT_NOT_AUTHENTICATED', { internal: 'no caller on the request' });
}
