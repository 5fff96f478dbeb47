import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { isJsonObject } from '../ocm/canonical-json.js';
import { isWholeNumber, valueRule } from '../ocm/validation/text-rules.js';

/** How often a peer may call us, all our nodes taken together. */
class CallRateDto {
  @ApiProperty({ example: 6_000, minimum: 1, maximum: 100_000, description: 'Calls in one minute of the clock.' })
  requestsPerMinute: number;
}

function isRate(value: unknown): boolean {
  if (!isJsonObject(value) || Object.keys(value).length !== 1) return false;
  return isWholeNumber(value.requestsPerMinute, 1, 100_000);
}

/** What holds for one peer, beside the settings of the whole cloud. In a change, null returns a member to its default. */
export class PeerPolicyDto {
  @ApiProperty({
    required: false,
    nullable: true,
    enum: ['ask', 'auto'],
    example: 'ask',
    description: 'Whether its offers wait for the recipient. Default: ACCEPT_INVITATIONS.',
  })
  @IsOptional()
  @IsIn(['ask', 'auto'])
  acceptInvitations?: 'ask' | 'auto' | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: Boolean,
    example: false,
    description: 'Whether its 201 to an offer of ours means acceptance if it names no state. Default: false.',
  })
  @IsOptional()
  @IsBoolean()
  implicitAcceptance?: boolean | null;

  @ApiProperty({
    required: false,
    nullable: true,
    enum: ['powerfolder', 'plain'],
    example: 'powerfolder',
    description: 'How our offers to it are spelt. Default: powerfolder.',
  })
  @IsOptional()
  @IsIn(['powerfolder', 'plain'])
  flavour?: 'powerfolder' | 'plain' | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: Boolean,
    example: true,
    description: 'Whether there is sharing with it: its calls about shares, and new offers of ours. Default: true.',
  })
  @IsOptional()
  @IsBoolean()
  sharing?: boolean | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: Boolean,
    example: true,
    description: 'Whether people of the one cloud may sign in at the other. Default: true.',
  })
  @IsOptional()
  @IsBoolean()
  login?: boolean | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: Boolean,
    example: true,
    description: 'Whether it may ask in which cloud an account lives. Default: true.',
  })
  @IsOptional()
  @IsBoolean()
  discovery?: boolean | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: CallRateDto,
    example: { requestsPerMinute: 6_000 },
    description: 'How often it may call us. Default: no limit.',
  })
  @IsOptional()
  @valueRule('isRate', 'INVALID', isRate)
  rate?: CallRateDto | null;
}
