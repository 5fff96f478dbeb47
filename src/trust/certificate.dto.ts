import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { IsMoment } from '../ocm/validation/moment.js';
import { MaxBytes } from '../ocm/validation/text-rules.js';
import { CERTIFICATE } from './services.examples.js';

/** A peer is about to change its key. */
export class AnnouncedCertificateDto {
  /** The new federation certificate, one PEM block. The one in use takes an announcement back. */
  @ApiProperty({ example: CERTIFICATE })
  @IsString()
  @MaxBytes(16_384)
  certificate: string;

  /**
   * When the peer will have switched, ISO 8601.
   * @example "2026-12-01T12:00:00Z"
   */
  @IsMoment()
  switchBy: string;
}

/** What we know the peer by from now on. */
export class CertificateKnownDto {
  /**
   * Of the certificate sent. It is the peer's key from its first use on.
   * @example "sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k"
   */
  fingerprint: string;

  /**
   * When the present key ends, unless the new one is seen earlier: then 24 hours after that. Null: it stays.
   * @example "2026-12-08T12:00:00.000Z"
   */
  validUntil: string | null;
}
