import { Controller, Get, Header, Headers, Param, Post, Res } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { OcmNotification } from '../ocm/http/ocm-body.pipe.js';
import { ApiNotificationBody } from '../ocm/http/ocm-docs.js';
import { HAL_JSON, OcmMount, OcmPage, pageHeaders, pageOf } from '../ocm/http/ocm-page.pipe.js';
import type { FederationReply } from '../ocm/http/request.js';
import { NotificationMessage } from '../ocm/notification.js';
import { NotificationListDto, NotificationResourceDto } from '../ocm/v0.0.3/resource.dto.js';
import { notificationList, notificationResource, storedNotificationResource } from '../ocm/v0.0.3/resources.js';
import { FromTrustedPeer, Peer } from '../trust/from-trusted-peer.js';
import type { TrustedPeer } from '../trust/trusted-peer.js';
import { ReadNotifications } from './read-notifications.js';
import { ReceiveNotification } from './receive-notification.js';

/** Where peers tell us what became of shares. */
@ApiTags('Notifications')
@Controller(['notifications', 'ocm/notifications'])
@FromTrustedPeer('sharing')
export class NotificationsController {
  constructor(
    private readonly receiveNotification: ReceiveNotification,
    private readonly readNotifications: ReadNotifications,
  ) {}

  /** Tell us something about a share. A repeat of an Idempotency-Key has one effect and the same answer. */
  @Post()
  @ApiNotificationBody()
  @ApiHeader({ name: 'Idempotency-Key', required: false })
  @ApiCreatedResponse({ type: NotificationResourceDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'SHARE_WITHDRAWN, STATE_CONFLICT' })
  @ApiNotFoundResponse({ type: ErrorBodyDto, description: 'no such share, or not yours' })
  @Header('content-type', HAL_JSON)
  async create(
    @Peer() peer: TrustedPeer,
    @OcmNotification() message: NotificationMessage,
    @OcmMount() mount: string,
    @Res({ passthrough: true }) reply: FederationReply,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<NotificationResourceDto> {
    const held = await this.receiveNotification.execute(peer, message, key);
    const href = `${mount}/notifications/${held.id}`;
    reply.header('location', href);
    return notificationResource({ id: held.id, createdAt: new Date(held.createdAt), message, href });
  }

  /** What you told us, in the order in which you did. */
  @Get()
  @ApiQuery({ name: 'page', required: false, type: Number, example: 1 })
  @ApiOkResponse({ type: NotificationListDto })
  @Header('content-type', HAL_JSON)
  async list(
    @Peer() peer: TrustedPeer,
    @OcmPage() page: number,
    @OcmMount() mount: string,
    @Res({ passthrough: true }) reply: FederationReply,
  ): Promise<NotificationListDto> {
    const [rows, total] = await this.readNotifications.page(peer, page);
    reply.headers(pageHeaders(pageOf(page, total)));
    const path = `${mount}/notifications`;
    return notificationList(
      rows.map((row) => storedNotificationResource(row, path)),
      pageOf(page, total),
      path,
    );
  }

  /** One notification that you sent. */
  @Get(':id')
  @ApiOkResponse({ type: NotificationResourceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @Header('content-type', HAL_JSON)
  async read(
    @Peer() peer: TrustedPeer,
    @Param('id') id: string,
    @OcmMount() mount: string,
  ): Promise<NotificationResourceDto> {
    return storedNotificationResource(await this.readNotifications.one(peer, id), `${mount}/notifications`);
  }
}
