import { ApiProperty } from '@nestjs/swagger';
import type { AuditDetails, AuditRow } from '../../audit/audit-row.js';

const ACTORS = ['operator', 'host', 'peer', 'stranger', 'system'] as const;
const PROBLEMS = ['row-altered', 'row-missing', 'link-altered', 'gap', 'order'] as const;

export class AuditEntryDto implements AuditRow {
  @ApiProperty({ example: 'kq0nSxWn2pTqv6b2hT2rYb1d' })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T23:59:59.123000Z' })
  at: string;

  @ApiProperty({ description: 'The process that recorded it; the time is by its clock.', example: 'cloud1-a/4711' })
  node: string;

  @ApiProperty({ enum: ACTORS, example: 'operator' })
  actorKind: AuditRow['actorKind'];

  @ApiProperty({ description: 'Id of the token or relationship that acted.', example: 'bootstrap' })
  actor: string;

  @ApiProperty({ example: 'token.issued' })
  action: string;

  @ApiProperty({ example: 'token:kq0nSxWn2pTqv6b2hT2rYb1d' })
  object: string;

  @ApiProperty({ type: String, nullable: true, description: 'The relationship concerned, if any.', example: null })
  peer: string | null;

  @ApiProperty({ enum: ['done', 'refused'], example: 'done' })
  outcome: AuditRow['outcome'];

  @ApiProperty({ type: 'object', additionalProperties: true, example: { role: 'host', label: 'file platform' } })
  details: AuditDetails;

  @ApiProperty({ description: '`X-Request-Id` of the request that caused it; empty if none did.', example: 'req-1' })
  requestId: string;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditEntryDto] })
  items: AuditEntryDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`cursor` of the next page; null on the last one.',
    example: null,
  })
  next: string | null;
}

export class ChainVerdictDto {
  @ApiProperty({ enum: ['intact', 'broken'], example: 'intact' })
  verdict: 'intact' | 'broken';

  @ApiProperty({ required: false, description: 'Intact: how many entries are linked.', example: 1204 })
  length?: number;

  @ApiProperty({
    required: false,
    description: 'Intact: entries recorded within the last second, not linked yet.',
    example: 0,
  })
  unsealed?: number;

  @ApiProperty({
    required: false,
    description:
      'Intact: hash of the last link. Noted elsewhere, it proves later that nothing was replaced up to here.',
    example: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
  })
  head?: string;

  @ApiProperty({ required: false, description: 'Broken: position of the first bad row.' })
  position?: number;

  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    description: 'Broken: its entry, where that is still known.',
  })
  entryId?: string | null;

  @ApiProperty({ required: false, enum: PROBLEMS })
  problem?: (typeof PROBLEMS)[number];
}
