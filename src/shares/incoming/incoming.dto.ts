import { ApiProperty } from '@nestjs/swagger';
import { PERMISSIONS, type Permission } from '../../ocm/permission.js';
import { INCOMING_STATES, type IncomingState } from './incoming-share.entity.js';

/** A share that somebody of another cloud offers to an account of ours. */
export class IncomingShareDto {
  /** @example "kJ2mX1s0vQw9ZbT4yL7cR3nD" */
  id: string;
  /**
   * What the share is called between the two clouds; null from a plain OCM 0.0.3 peer.
   * @example "8sDk20fKq1mZx7Lw3TgYbN5c"
   */
  shareId: string | null;
  /** @example "alice@cloud1.localhost" */
  owner: string;
  /**
   * The recipient, as the offer named them.
   * @example "bob@cloud2.localhost"
   */
  shareWith: string;
  /** Account id of the recipient. */
  recipient: string;
  /** @example "Field notes" */
  name: string;
  /** @example null */
  description: string | null;
  @ApiProperty({ enum: PERMISSIONS })
  permission: Permission;
  /** @example null */
  expiresAt: string | null;
  @ApiProperty({ enum: INCOMING_STATES })
  state: IncomingState;
  /**
   * Why it ended.
   * @example null
   */
  reason: string | null;
  /**
   * The provider has answered our acceptance: the credentials work.
   * @example false
   */
  confirmed: boolean;
  /** @example ["pf_classic"] */
  protocols: string[];
  /** @example "2026-11-23T12:00:00.000Z" */
  createdAt: string;
  /** @example "2026-11-23T12:00:00.000Z" */
  changedAt: string;
}

export class IncomingShareListDto {
  items: IncomingShareDto[];
  /**
   * Cursor of the next page; null at the end.
   * @example null
   */
  next: string | null;
}

class AccessProtocolDto {
  /** @example "pf_classic" */
  name: string;
  /** The protocol's options as the provider sent them, with the credential. */
  @ApiProperty({ type: Object })
  options: object;
}

/** How to reach the shared resource. Holds credentials: do not log it. */
export class AccessDto {
  protocols: AccessProtocolDto[];
}
