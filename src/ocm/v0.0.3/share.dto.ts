import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { IsObject, IsOptional, IsString, ValidateIf } from 'class-validator';
import { ADDRESS_MAX_BYTES, FederatedAddress } from '../../kernel/federated-address.js';
import { isJsonObject } from '../canonical-json.js';
import { isProtocolName } from '../offered-protocol.js';
import { isPermission } from '../permission.js';
import { parseRecipient } from '../recipient.js';
import {
  IsEpochSeconds,
  IsOneLine,
  IsText,
  isOneLine,
  MaxBytes,
  textRule,
  valueRule,
} from '../validation/text-rules.js';
import { Nested } from '../validation/validate-body.js';

/** Protocols that one offer may name. */
export const PROTOCOLS_MAX = 8;

/** How a shared resource is reached. */
export class ProtocolDto {
  /**
   * `pf_classic` or `webdav`; entries of other names are passed over if one of these is there.
   * @example pf_classic
   */
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  name: string;

  /**
   * What the protocol needs, at most 8 KiB as JSON. `access_token`: the credential, required by `pf_classic`.
   * `permissions`: bit mask of plain OCM 0.0.3 (1 read, 2 update, 4 create, 8 delete, 16 share). Uris only on the caller's host.
   * @example { "access_token": "foobar9000" }
   */
  @ValidateIf((protocol: ProtocolDto) => isProtocolName(protocol.name))
  @IsObject()
  @valueRule('maxJsonBytes', 'TOO_LONG', (options) => Buffer.byteLength(JSON.stringify(options ?? null)) <= 8192)
  options: Record<string, unknown>;
}

/** What every flavour of OCM 0.0.3 says of a share. */
class ShareBodyDto {
  /**
   * Whom the share is for: `user@domain`, or an account id or username of the receiving cloud.
   * @example bob@cloud2.localhost
   */
  @IsString()
  @MaxBytes(ADDRESS_MAX_BYTES)
  @textRule('isRecipient', 'INVALID', (text) => isOneLine(text) && parseRecipient(text) !== undefined)
  @valueRule('isNotAGroup', 'NOT_SUPPORTED', (_, body) => isForOneUser(body))
  shareWith: string;

  /** `user`; groups cannot be shared with. */
  @IsOptional()
  @IsString()
  shareType?: string;

  /**
   * Name of the shared folder or file, at most 255 bytes.
   * @example foo
   */
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  name: string;

  /**
   * Text for the recipient, at most 2,048 bytes.
   * @example foobar
   */
  @IsOptional()
  @IsString()
  @MaxBytes(2048)
  @IsText()
  description?: string;

  /**
   * The caller's id of the resource, at most 255 bytes.
   * @example cec0c932ce01
   */
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  providerId: string;

  /**
   * Who shares: `user@domain` in a domain of the calling cloud, or a bare name on the caller's host.
   * @example alice@cloud1.localhost
   */
  @IsString()
  @MaxBytes(ADDRESS_MAX_BYTES)
  @textRule('isOwner', 'INVALID', isOwner)
  owner: string;

  /**
   * When the share ends: seconds since 1970.
   * @example 1924905600
   */
  @IsOptional()
  @IsEpochSeconds()
  expiration?: number;
}

/** A share in plain OCM 0.0.3: one protocol, permissions only as a bit mask in its options. */
export class PlainShareDto extends ShareBodyDto {
  @Nested(() => ProtocolDto)
  @IsObject()
  protocol: ProtocolDto;
}

/** A share in PowerFolder's flavour: an id of its own, a word for the permission, several protocols. */
@ApiExtraModels(ProtocolDto)
export class PowerFolderShareDto extends ShareBodyDto {
  /**
   * The caller's id of this one share, at most 255 bytes.
   * @example 5a251569506eb81f477a67dd
   */
  @IsOptional()
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  shareId?: string;

  /**
   * `read`, `read_write` or `admin`; missing means `read`. Ownership is never transferred.
   * @example read_write
   */
  @IsOptional()
  @IsPermission()
  permission?: string;

  /** One protocol, or 1 to 8 of them. */
  @ApiProperty({
    oneOf: [
      { type: 'array', items: { $ref: getSchemaPath(ProtocolDto) }, minItems: 1, maxItems: PROTOCOLS_MAX },
      { $ref: getSchemaPath(ProtocolDto) },
    ],
  })
  @Nested(() => ProtocolDto)
  @valueRule('isProtocolList', 'INVALID', isProtocolList)
  @valueRule('protocolsMaxSize', 'TOO_MANY', (value) => !Array.isArray(value) || value.length <= PROTOCOLS_MAX)
  protocol: ProtocolDto | ProtocolDto[];
}

/** A word for a permission; `owner` is a word we know and never grant. */
export function IsPermission(): PropertyDecorator {
  const known = valueRule('isPermission', 'INVALID', (word) => word === 'owner' || isPermission(word));
  const granted = valueRule('isGrantable', 'NOT_SUPPORTED', (word) => word !== 'owner');
  return (prototype, property) => {
    known(prototype, property);
    granted(prototype, property);
  };
}

function isForOneUser(body: object): boolean {
  if (!('shareType' in body) || typeof body.shareType !== 'string') return true;
  return body.shareType === 'user';
}

function isOwner(text: string): boolean {
  return FederatedAddress.tryParse(text.includes('@') ? text : `${text}@x`) !== undefined;
}

function isProtocolList(value: unknown): boolean {
  if (!Array.isArray(value)) return isJsonObject(value);
  return value.length > 0 && value.every(isJsonObject);
}
