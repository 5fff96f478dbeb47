import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';

export class HalLinkDto {
  /** @example /shares/Yl9LnXq4Zb2o6m1dJ8cPq0aT */
  @ApiProperty()
  href: string;
}

export class SelfLinkDto {
  @ApiProperty({ type: HalLinkDto })
  self: HalLinkDto;
}

/** Where this page is, and the one after it unless this is the last. */
export class PageLinksDto extends SelfLinkDto {
  @ApiProperty({ type: HalLinkDto, required: false })
  next?: HalLinkDto;
}

/** A protocol of a share with its options blanked: what was offered to us is never given back here. */
export class BlankedProtocolDto {
  @ApiProperty({ example: 'pf_classic' })
  name: string;

  @ApiProperty({ type: 'object', additionalProperties: false, example: {} })
  options: Record<string, never>;
}

/** A share as the receiving cloud holds it. */
@ApiExtraModels(BlankedProtocolDto)
export class ShareResourceDto {
  @ApiProperty({ description: 'The receiving cloud’s id of the share.', example: 'Yl9LnXq4Zb2o6m1dJ8cPq0aT' })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2018-01-31T09:20:00.000Z' })
  createdAt: string;

  @ApiProperty({ enum: ['pending', 'accepted', 'declined', 'left', 'revoked', 'expired'], example: 'pending' })
  state: string;

  @ApiProperty({ required: false, example: '5a251569506eb81f477a67dd' })
  shareId?: string;

  @ApiProperty({ example: 'alice@cloud1.localhost' })
  owner: string;

  @ApiProperty({ example: 'bob@cloud2.localhost' })
  shareWith: string;

  @ApiProperty({ enum: ['read', 'read_write', 'admin'], example: 'read_write' })
  permission: string;

  @ApiProperty({ example: 'foo' })
  name: string;

  @ApiProperty({ required: false, example: 'foobar' })
  description?: string;

  @ApiProperty({ example: 'cec0c932ce01' })
  providerId: string;

  @ApiProperty({ required: false, description: 'Seconds since 1970.', example: 1924905600 })
  expiration?: number;

  @ApiProperty({
    description: 'In the shape of the offer: one object in plain OCM 0.0.3, otherwise an array.',
    oneOf: [
      { type: 'array', items: { $ref: getSchemaPath(BlankedProtocolDto) } },
      { $ref: getSchemaPath(BlankedProtocolDto) },
    ],
  })
  protocol: BlankedProtocolDto | BlankedProtocolDto[];

  @ApiProperty({ type: SelfLinkDto })
  _links: SelfLinkDto;
}

/** A notification as the receiving cloud holds it. */
export class NotificationResourceDto {
  @ApiProperty({ example: 'p3Vd7kQw1ZxRb0uN5sEyLh8M' })
  id: string;

  @ApiProperty({ format: 'date-time', example: '2018-02-01T08:00:00.000Z' })
  createdAt: string;

  @ApiProperty({ example: 'SHARE_ACCEPTED' })
  type: string;

  @ApiProperty({ required: false, example: 'project ended' })
  message?: string;

  @ApiProperty({ required: false, example: '5a251569506eb81f477a67dd' })
  shareId?: string;

  @ApiProperty({ required: false, example: 'cec0c932ce01' })
  providerId?: string;

  @ApiProperty({ required: false, example: 'bob@cloud2.localhost' })
  shareWith?: string;

  @ApiProperty({ required: false, enum: ['read', 'read_write', 'admin'] })
  permission?: string;

  @ApiProperty({ required: false })
  name?: string;

  @ApiProperty({ required: false })
  description?: string;

  @ApiProperty({ required: false, nullable: true, type: Number, description: 'Seconds since 1970; null for none.' })
  expiration?: number | null;

  @ApiProperty({ required: false, example: 1 })
  sequence?: number;

  @ApiProperty({ type: SelfLinkDto })
  _links: SelfLinkDto;
}

export class EmbeddedSharesDto {
  @ApiProperty({ type: [ShareResourceDto] })
  shares: ShareResourceDto[];
}

/** One page of the shares that the caller created. */
export class ShareListDto {
  @ApiProperty({ type: EmbeddedSharesDto })
  _embedded: EmbeddedSharesDto;

  @ApiProperty({ type: PageLinksDto })
  _links: PageLinksDto;
}

export class EmbeddedNotificationsDto {
  @ApiProperty({ type: [NotificationResourceDto] })
  notifications: NotificationResourceDto[];
}

/** One page of the notifications that the caller sent. */
export class NotificationListDto {
  @ApiProperty({ type: EmbeddedNotificationsDto })
  _embedded: EmbeddedNotificationsDto;

  @ApiProperty({ type: PageLinksDto })
  _links: PageLinksDto;
}
