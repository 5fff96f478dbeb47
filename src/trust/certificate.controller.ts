import { Body, Controller, Put } from '@nestjs/common';
import { ApiBadRequestResponse, ApiConflictResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { AnnouncedCertificateDto, CertificateKnownDto } from './certificate.dto.js';
import { FromTrustedPeer, Peer } from './from-trusted-peer.js';
import { ReceiveCertificate } from './receive-certificate.js';
import type { TrustedPeer } from './trusted-peer.js';

/** How peers change their keys. */
@ApiTags('Trust')
@Controller('federation/trust')
export class CertificateController {
  constructor(private readonly receiveCertificate: ReceiveCertificate) {}

  /** A peer announces its next federation certificate, under the present one. */
  @Put('certificate')
  @FromTrustedPeer('trust')
  @ApiOkResponse({ type: CertificateKnownDto })
  @ApiBadRequestResponse({
    type: ErrorBodyDto,
    description: '`certificate`: not one PEM certificate, another host, wrong purpose or dates. `switchBy`: `INVALID`',
  })
  @ApiConflictResponse({
    type: ErrorBodyDto,
    description: 'STATE_CONFLICT: the key is in use elsewhere, or the call came under a key that is being retired',
  })
  announce(
    @Peer() peer: TrustedPeer,
    @Body(JsonBody.of(AnnouncedCertificateDto, { unknownProperties: 'ignore' })) body: AnnouncedCertificateDto,
  ): Promise<CertificateKnownDto> {
    return this.receiveCertificate.execute(peer, body);
  }
}
