import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, ValidateIf } from 'class-validator';
import { PERMISSIONS, type Permission } from '../../ocm/permission.js';
import { IsMoment } from '../../ocm/validation/moment.js';
import { IsOneLine, IsText, MaxBytes } from '../../ocm/validation/text-rules.js';
import { OUTGOING_STATES, type OutgoingState } from './outgoing-share.entity.js';

/** May be left out; null is no way to do so. */
function IsLeftOutOr(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

export class OfferShareDto {
  /**
   * The sharing account: its id or its username.
   * @example "alice@cloud1.localhost"
   */
  @IsString()
  @MaxBytes(320)
  owner: string;

  /**
   * The recipient, an account of another cloud that we trust.
   * @example "bob@cloud2.localhost"
   */
  @IsString()
  @MaxBytes(320)
  shareWith: string;

  /**
   * Name of the folder, as the recipient sees it.
   * @example "Field notes"
   */
  @IsString()
  @IsOneLine()
  @MaxBytes(255)
  name: string;

  /** @example "Season 2026, please comment" */
  @IsLeftOutOr()
  @IsString()
  @IsText()
  @MaxBytes(2048)
  description?: string;

  /**
   * What the file platform calls it.
   * @example "field-notes"
   */
  @IsString()
  @IsOneLine()
  @MaxBytes(255)
  resourceId: string;

  /** @example "read" */
  @ApiProperty({ enum: PERMISSIONS })
  @IsIn(PERMISSIONS)
  permission: Permission;

  /**
   * When it ends by itself, ISO 8601.
   * @example "2099-12-31T23:59:59Z"
   */
  @IsLeftOutOr()
  @IsMoment()
  @MaxBytes(40)
  expiresAt?: string;
}

export class ChangeShareDto {
  /** @example "read_write" */
  @ApiProperty({ enum: PERMISSIONS, required: false })
  @IsLeftOutOr()
  @IsIn(PERMISSIONS)
  permission?: Permission;

  /** @example "Field notes 2026" */
  @IsLeftOutOr()
  @IsString()
  @IsOneLine()
  @MaxBytes(255)
  name?: string;

  /**
   * An empty text takes it away.
   * @example "please comment"
   */
  @IsLeftOutOr()
  @IsString()
  @IsText()
  @MaxBytes(2048)
  description?: string;

  /**
   * ISO 8601; null = never.
   * @example null
   */
  @ApiProperty({ type: String, nullable: true, required: false })
  @IsOptional()
  @IsMoment()
  @MaxBytes(40)
  expiresAt?: string | null;
}

/** How the telling of the offer stands. */
export class ShareDeliveryDto {
  @ApiProperty({ enum: ['waiting', 'delivered', 'refused', 'expired', 'cancelled'] })
  state: string;
  /** @example 1 */
  attempts: number;
  /**
   * When it is tried next; null unless it waits for that: a suspended peer is told nothing.
   * @example null
   */
  nextAttempt: string | null;
  /**
   * Why the last attempt did not get through.
   * @example null
   */
  reason: string | null;
}

/** A share that an account of ours offers to another cloud. */
export class OutgoingShareDto {
  /** @example "kJ2mX1s0vQw9ZbT4yL7cR3nD" */
  id: string;
  /**
   * What the share is called between the two clouds.
   * @example "8sDk20fKq1mZx7Lw3TgYbN5c"
   */
  shareId: string;
  /** @example "alice@cloud1.localhost" */
  owner: string;
  /** @example "bob@cloud2.localhost" */
  shareWith: string;
  /** @example "Field notes" */
  name: string;
  /** @example null */
  description: string | null;
  /** @example "field-notes" */
  resourceId: string;
  @ApiProperty({ enum: PERMISSIONS })
  permission: Permission;
  /** @example null */
  expiresAt: string | null;
  @ApiProperty({ enum: OUTGOING_STATES })
  state: OutgoingState;
  /**
   * Why it failed or ended.
   * @example null
   */
  reason: string | null;
  /**
   * The share that took its place when it was sent again.
   * @example null
   */
  resentAs: string | null;
  delivery: ShareDeliveryDto | null;
  /** @example "2026-11-23T12:00:00.000Z" */
  createdAt: string;
  /** @example "2026-11-23T12:00:00.000Z" */
  changedAt: string;
}

export class OutgoingShareListDto {
  items: OutgoingShareDto[];
  /**
   * Cursor of the next page; null at the end.
   * @example null
   */
  next: string | null;
}

/** RFC 7662. */
export class IntrospectionDto {
  /** @example true */
  active: boolean;
  /**
   * Who holds the token.
   * @example "bob@cloud2.localhost"
   */
  sub?: string;
  /** @example "read_write" */
  scope?: string;
  share_id?: string;
  /**
   * Whose resource it is: the account that shares it.
   * @example "alice@cloud1.localhost"
   */
  owner?: string;
  /** @example "field-notes" */
  resource_id?: string;
  /** Epoch seconds; missing if the share does not expire. */
  exp?: number;
}
