import { ApiProperty } from '@nestjs/swagger';
import type { Refusals } from '../../audit/list-refusals.js';

/** Every word that refusals are counted under, and what it means. */
export const REFUSAL_REASONS: Readonly<Record<string, string>> = {
  'no-certificate': 'a route of peers without a client certificate',
  'proxy-spoof': 'a certificate in a header that did not come from our reverse proxy',
  'proxy-ambiguous': 'several certificates in the headers of the reverse proxy, or a name that only looks alike',
  'proxy-malformed': 'a certificate in the header of the reverse proxy that cannot be read',
  unknown: 'a certificate whose key belongs to no relationship that is trusted',
  unreadable:
    'a certificate that cannot be read: broken or repeated extensions, a critical one that nobody knows, more than 8 KiB',
  'no-name': 'no subjectAltName; a common name counts for nothing',
  'key-unannounced': 'an unknown key, in a certificate that names the host of a peer',
  'several-names': 'more than one DNS name',
  wildcard: 'a DNS name with a star',
  'not-a-dns-name': 'addresses, URIs or e-mail addresses only, or a DNS name in a spelling that is none',
  'ca-certificate': 'a certificate that may issue others',
  'wrong-purpose': 'extendedKeyUsage without clientAuth, or keyUsage without digitalSignature',
  'weak-key':
    'RSA below 2048 bits, a curve other than P-256, P-384, P-521, or another kind than those and Ed25519, Ed448',
  'weak-signature': 'signed with SHA-1, MD5 or an algorithm that nobody knows',
  'wrong-name': 'another host than the peer’s, or than the origin that a request for trust claims',
  'not-yet-valid': 'before its first day, by our clock',
  expired: 'after its last day, by our clock',
  'wrong-code': 'a confirmation that quotes no code of ours',
  'too-many-calls': 'a trusted peer above the rate of its policy',
  'no-valid-token': 'operator or host API without a valid token',
  'role-not-allowed': 'operator or host API with a token of another role',
  'owner-domain-mismatch': 'a trusted peer offered a share of a domain that it may not speak for',
  'notification-missing': 'a trusted peer spoke of a share that is not its own, or of none',
  'notification-forbidden': 'a trusted peer spoke as the wrong side of a share',
};

const EXPLAINED = Object.entries(REFUSAL_REASONS).map(([reason, meaning]) => `\`${reason}\`: ${meaning}`);

export class RefusalsDto implements Refusals {
  @ApiProperty({
    description: `${EXPLAINED.join('; ')}; \`*\`: reasons beyond a hundred`,
    example: 'expired',
  })
  reason: string;

  @ApiProperty({
    description: '`/24` of IPv4, `/64` of IPv6; `*`: those beyond what is listed; `?`: no address, or a trusted peer',
    example: '192.0.2.0/24',
  })
  network: string;

  @ApiProperty({ format: 'date-time', description: 'When the hour began.', example: '2026-01-31T23:00:00.000000Z' })
  hour: string;

  @ApiProperty({ example: 17 })
  count: number;
}

export class RefusalsPageDto {
  @ApiProperty({ type: [RefusalsDto] })
  items: RefusalsDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`cursor` of the next page; null on the last one.',
    example: null,
  })
  next: string | null;
}
