import { IsOptional, IsString, ValidateIf } from 'class-validator';
import { ADDRESS_MAX_BYTES } from '../../kernel/federated-address.js';
import { parseRecipient } from '../recipient.js';
import {
  IsEpochSeconds,
  IsOneLine,
  IsText,
  isOneLine,
  isWholeNumber,
  MaxBytes,
  MaxCharacters,
  textRule,
  valueRule,
} from '../validation/text-rules.js';
import { IsPermission } from './share.dto.js';

/** A short message between clouds. What it is about, and whether it has an effect, depends on its type. */
export class NotificationDto {
  /**
   * `SHARE_ACCEPTED`, `SHARE_DECLINED`, `SHARE_REMOVED` (from the consuming cloud), `SHARE_UNSHARED`,
   * `SHARE_PERMISSION_CHANGED`, `SHARE_UPDATED` (from the providing cloud); any other is stored without effect.
   * @example SHARE_ACCEPTED
   */
  @IsString()
  @MaxBytes(255)
  @textRule('isTypeWord', 'INVALID', (text) => /^[A-Za-z0-9][\w.:-]*$/.test(text))
  type: string;

  /**
   * Text for people, at most 1,000 characters.
   * @example project ended
   */
  @IsOptional()
  @IsString()
  @MaxCharacters(1000)
  @IsText()
  message?: string;

  /**
   * The provider's id of the share.
   * @example 5a251569506eb81f477a67dd
   */
  @IsOptional()
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  shareId?: string;

  /** The provider's id of the resource; with `shareWith` if it is shared with several people. */
  @IsOptional()
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  providerId?: string;

  /** Whom the share is for, as in the offer. */
  @IsOptional()
  @IsString()
  @MaxBytes(ADDRESS_MAX_BYTES)
  @textRule('isRecipient', 'INVALID', (text) => isOneLine(text) && parseRecipient(text) !== undefined)
  shareWith?: string;

  /** The new permission: `read`, `read_write` or `admin`. Required by `SHARE_PERMISSION_CHANGED` about a share. */
  @ValidateIf((body: NotificationDto) => present(body.permission) || changesPermission(body))
  @IsPermission()
  permission?: string;

  /** The new name. */
  @IsOptional()
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  name?: string;

  /** The new description. */
  @IsOptional()
  @IsString()
  @MaxBytes(2048)
  @IsText()
  description?: string;

  /** The new end of the share: seconds since 1970, or null for none. */
  @IsOptional()
  @IsEpochSeconds()
  expiration?: number | null;

  /**
   * Rises with every change of one share; a message with one not greater than the last has no effect.
   * @example 1
   */
  @IsOptional()
  @valueRule('isSequence', 'INVALID', (value) => isWholeNumber(value, 1, Number.MAX_SAFE_INTEGER))
  sequence?: number;
}

function changesPermission(body: NotificationDto): boolean {
  return body.type === 'SHARE_PERMISSION_CHANGED' && (present(body.shareId) || present(body.providerId));
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}
