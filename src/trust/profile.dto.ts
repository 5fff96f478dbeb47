import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsOptional, IsString, MaxLength } from 'class-validator';
import { MaxBytes } from '../ocm/validation/text-rules.js';
import { IsSecurityContact } from './profile-rules.js';

/** What a peer says of itself. */
export class ProfileDto {
  /**
   * Brand, shown to people; at most 255 bytes.
   * @example "Cloud 2"
   */
  @IsString()
  @MaxBytes(255)
  displayName: string;

  /**
   * All domains it claims to be home of.
   * @example ["cloud2.localhost"]
   */
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  domains: string[];

  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    example: 'security@cloud2.localhost',
    description: 'Whom to tell of an incident: an e-mail address, a mailto or an https URL; at most 320 bytes.',
  })
  @IsOptional()
  @IsString()
  @IsSecurityContact()
  securityContact?: string | null;
}

/** What of it waits for our operator: what is so already is not named. */
export class ProposedProfileDto {
  @ApiProperty({ type: String, nullable: true, example: 'Cloud 2' })
  displayName: string | null;
  /** @example [] */
  domains: string[];
  @ApiProperty({ type: String, nullable: true, example: 'security@cloud2.localhost' })
  securityContact: string | null;
}
