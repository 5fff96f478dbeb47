import { ApiProperty } from '@nestjs/swagger';
import type { Alert } from '../../audit/alerts.js';
import type { AuditDetails } from '../../audit/audit-row.js';

export class AlertDto implements Alert {
  @ApiProperty({ example: 'kq0nSxWn2pTqv6b2hT2rYb1d' })
  id: string;

  @ApiProperty({ description: 'What happened, one of our own words.', example: 'peer-key-unannounced' })
  kind: string;

  @ApiProperty({ description: 'What it is about.', example: 'service:Zk3vS0d0aQ2m4b7tTn1xYw' })
  subject: string;

  @ApiProperty({ type: String, nullable: true, description: 'The relationship concerned, if any.', example: null })
  peer: string | null;

  @ApiProperty({ enum: ['warning', 'critical'], example: 'critical' })
  level: Alert['level'];

  @ApiProperty({ type: 'object', additionalProperties: true, example: { origin: 'https://cloud2.localhost:8442' } })
  details: AuditDetails;

  @ApiProperty({ description: 'How often it was raised since it is open.', example: 1 })
  times: number;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T23:59:59.123456Z' })
  raisedAt: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T23:59:59.123456Z' })
  lastRaisedAt: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null while open.', example: null })
  settledAt: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Id of the token that settled it; `system` if what it was about is over.',
    example: null,
  })
  settledBy: string | null;
}

export class AlertPageDto {
  @ApiProperty({ type: [AlertDto] })
  items: AlertDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`cursor` of the next page; null on the last one.',
    example: null,
  })
  next: string | null;
}
