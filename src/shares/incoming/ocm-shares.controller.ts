import { Controller, Get, Header, Headers, Param, Post, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { OcmShare } from '../../ocm/http/ocm-body.pipe.js';
import { ApiShareBody } from '../../ocm/http/ocm-docs.js';
import { HAL_JSON, OcmMount, OcmPage, pageHeaders, pageOf } from '../../ocm/http/ocm-page.pipe.js';
import type { FederationReply } from '../../ocm/http/request.js';
import { ShareOffer } from '../../ocm/share-offer.js';
import { ShareListDto, ShareResourceDto } from '../../ocm/v0.0.3/resource.dto.js';
import { shareList } from '../../ocm/v0.0.3/resources.js';
import { FromTrustedPeer, Peer } from '../../trust/from-trusted-peer.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { PeerShares } from './peer-shares.js';
import { ReceiveShare } from './receive-share.js';

/** Where peers offer us shares. */
@ApiTags('Shares')
@Controller(['shares', 'ocm/shares'])
@FromTrustedPeer('sharing')
export class OcmSharesController {
  constructor(
    private readonly receiveShare: ReceiveShare,
    private readonly peerShares: PeerShares,
  ) {}

  /** Offer a share to an account of ours. Offering the same share twice changes nothing. */
  @Post()
  @ApiShareBody()
  @ApiHeader({ name: 'Idempotency-Key', required: false })
  @ApiCreatedResponse({ type: ShareResourceDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto, description: 'VALIDATION_FAILED, PROTOCOL_URI_NOT_ALLOWED' })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'SHARE_CONFLICT: other content. SHARE_WITHDRAWN' })
  @Header('content-type', HAL_JSON)
  async create(
    @Peer() peer: TrustedPeer,
    @OcmShare() offer: ShareOffer,
    @OcmMount() mount: string,
    @Res({ passthrough: true }) reply: FederationReply,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<object> {
    const received = await this.receiveShare.execute(peer, offer, key);
    const path = `${mount}/shares`;
    reply.header('location', `${path}/${received.id}`);
    return this.peerShares.describeOffer(offer, received, path);
  }

  /** What you offered us, in the order in which you did. */
  @Get()
  @ApiQuery({ name: 'page', required: false, type: Number, example: 1 })
  @ApiOkResponse({ type: ShareListDto })
  @Header('content-type', HAL_JSON)
  async list(
    @Peer() peer: TrustedPeer,
    @OcmPage() page: number,
    @OcmMount() mount: string,
    @Res({ passthrough: true }) reply: FederationReply,
  ): Promise<object> {
    const [rows, total] = await this.peerShares.page(peer, page);
    reply.headers(pageHeaders(pageOf(page, total)));
    const path = `${mount}/shares`;
    const shares = await this.peerShares.describe(rows, path);
    return shareList(shares, pageOf(page, total), path);
  }

  /** One share that you offered. */
  @Get(':id')
  @ApiOkResponse({ type: ShareResourceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @Header('content-type', HAL_JSON)
  async read(
    @Peer() peer: TrustedPeer,
    @Param('id') id: string,
    @OcmMount() mount: string,
  ): Promise<ShareResourceDto | undefined> {
    const [share] = await this.peerShares.describe([await this.peerShares.one(peer, id)], `${mount}/shares`);
    return share;
  }
}
