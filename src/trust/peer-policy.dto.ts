import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';

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
}
