import { IsString, Matches, ValidateIf } from 'class-validator';
import { MaxBytes } from '../ocm/validation/text-rules.js';
import { FINGERPRINT } from './services.dto.js';

/** A peer's other key, as compared with its operator. */
export class ReapproveServiceDto {
  /**
   * Of the key that it has now, as its operator told you.
   * @example "sha256:GKaqLM1UY6xCYF4eLG_h-MwcdxwR4PCHTPXRpa0Xr3k"
   */
  @Matches(FINGERPRINT)
  fingerprint: string;

  /** Its federation certificate, one PEM block. Left out: the one that was presented last. */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @MaxBytes(16_384)
  certificate?: string;
}
