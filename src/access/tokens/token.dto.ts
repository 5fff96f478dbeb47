import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsString } from 'class-validator';
import { IsOneLine, MaxBytes } from '../../ocm/validation/text-rules.js';
import { ROLES, type Role } from '../role.js';

export class IssueTokenDto {
  @ApiProperty({ enum: ROLES, example: 'host', description: 'What the token may be used for.' })
  @IsIn(ROLES)
  role: Role;

  @ApiProperty({ example: 'file platform, production', description: 'Who holds it; at most 255 bytes.' })
  @IsString()
  @IsOneLine()
  @MaxBytes(255)
  label: string;
}

class TokenFactsDto {
  @ApiProperty({ example: 'kq0nSxWn2pTqv6b2hT2rYb1d' })
  id: string;

  @ApiProperty({ enum: ROLES, example: 'host' })
  role: Role;

  @ApiProperty({ example: 'file platform, production' })
  label: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T23:59:59.123456Z' })
  createdAt: string;
}

export class IssuedTokenDto extends TokenFactsDto {
  @ApiProperty({ description: 'The token itself. Shown this once; only its hash is kept.', example: 'ent_…' })
  token: string;
}

export class TokenDto extends TokenFactsDto {
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'To the minute.', example: null })
  lastUsedAt: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  revokedAt: string | null;
}

export class TokenPageDto {
  @ApiProperty({ type: [TokenDto] })
  items: TokenDto[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`cursor` of the next page; null on the last one.',
    example: null,
  })
  next: string | null;
}
