import { FederatedAddress } from '../../kernel/federated-address.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import type { JsonObject } from '../canonical-json.js';
import type { DecodeContext } from '../dialect.js';
import { parseRecipient } from '../recipient.js';
import { type Flavour, ShareOffer } from '../share-offer.js';
import { validateBody } from '../validation/validate-body.js';
import { readProtocols } from './protocols.js';
import { PlainShareDto, PowerFolderShareDto, PROTOCOLS_MAX } from './share.dto.js';

/** Array of protocols, share id or permission: none of them exists in plain OCM 0.0.3. */
export function isPowerFolderShare(body: JsonObject): boolean {
  return Array.isArray(body.protocol) || 'shareId' in body || 'permission' in body;
}

export function decodePowerFolderShare(body: JsonObject, context: DecodeContext): ShareOffer {
  const dto = validateBody(PowerFolderShareDto, withoutSurplus(body), { unknownProperties: 'ignore' });
  return toOffer(dto, 'powerfolder', context);
}

/** Judging a protocol takes its time: the first one too many is enough to refuse the offer, the rest is not looked at. */
function withoutSurplus(body: JsonObject): JsonObject {
  return Array.isArray(body.protocol) ? { ...body, protocol: body.protocol.slice(0, PROTOCOLS_MAX + 1) } : body;
}

export function decodePlainShare(body: JsonObject, context: DecodeContext): ShareOffer {
  return toOffer(validateBody(PlainShareDto, body, { unknownProperties: 'ignore' }), 'plain', context);
}

function toOffer(dto: PowerFolderShareDto | PlainShareDto, flavour: Flavour, context: DecodeContext): ShareOffer {
  const own = dto instanceof PowerFolderShareDto ? dto : undefined;
  const recipient = parseRecipient(dto.shareWith);
  if (!recipient) throw ValidationFailed.of('shareWith', 'INVALID');
  return new ShareOffer({
    shareId: own?.shareId ?? undefined,
    providerId: dto.providerId,
    owner: ownerOf(dto.owner, context.peerHost),
    recipient,
    name: dto.name,
    description: dto.description ?? undefined,
    expiresAt: dateOf(dto.expiration),
    flavour,
    ...readProtocols(dto.protocol, own?.permission, context.peerHost),
  });
}

/** An owner without a domain belongs to the cloud that calls. */
function ownerOf(text: string, peerHost: string): FederatedAddress {
  const address = FederatedAddress.tryParse(text.includes('@') ? text : `${text}@${peerHost}`);
  if (!address) throw ValidationFailed.of('owner', 'TOO_LONG');
  return address;
}

/** @param seconds since 1970 */
export function dateOf(seconds: number | null | undefined): Date | undefined {
  return typeof seconds === 'number' ? new Date(seconds * 1000) : undefined;
}
