import { Body, Controller, Put } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { FromTrustedPeer, Peer } from './from-trusted-peer.js';
import { ProfileDto, ProposedProfileDto } from './profile.dto.js';
import { ReceiveProfile } from './receive-profile.js';
import type { TrustedPeer } from './trusted-peer.js';

/** What a peer says of itself after the handshake. */
@ApiTags('Trust')
@Controller('federation/trust')
@FromTrustedPeer('trust')
export class ProfileController {
  constructor(private readonly receiveProfile: ReceiveProfile) {}

  /** Propose what you want to be called, speak for, and whom to tell of an incident. An operator decides. */
  @Put('profile')
  @ApiOkResponse({ type: ProposedProfileDto })
  propose(
    @Peer() peer: TrustedPeer,
    @Body(JsonBody.of(ProfileDto, { unknownProperties: 'ignore' })) body: ProfileDto,
  ): Promise<ProposedProfileDto> {
    return this.receiveProfile.execute(peer, body);
  }
}
