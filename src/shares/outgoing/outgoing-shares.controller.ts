import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ForHost } from '../../access/audience.js';
import { ApiIdempotencyKey } from '../../access/idempotency-key.js';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { JsonBody } from '../../ocm/http/json-body.pipe.js';
import { ChangeShare } from './change-share.js';
import { DescribeOutgoing } from './describe-outgoing.js';
import { OfferShare } from './offer-share.js';
import { ChangeShareDto, OfferShareDto, OutgoingShareDto, OutgoingShareListDto } from './outgoing.dto.js';
import { OUTGOING_STATES } from './outgoing-share.entity.js';
import { ResendShare } from './resend-share.js';
import { WithdrawShare } from './withdraw-share.js';

/** What accounts of ours share with other clouds. */
@ApiTags('Outgoing shares')
@Controller('api/v1/shares/outgoing')
@ForHost()
export class OutgoingSharesController {
  constructor(
    private readonly offerShare: OfferShare,
    private readonly resendShare: ResendShare,
    private readonly changeShare: ChangeShare,
    private readonly withdrawShare: WithdrawShare,
    private readonly describe: DescribeOutgoing,
  ) {}

  /** Share a resource with somebody of another cloud. That cloud may be down: it is told as soon as it can be. */
  @Post()
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: OutgoingShareDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: the key was used for another share' })
  create(
    @Body(JsonBody.of(OfferShareDto)) body: OfferShareDto,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<OutgoingShareDto> {
    return this.offerShare.execute(body, key);
  }

  /** Offer one that failed again: another share, with an id and a token of its own. The old one names it as `resentAs`. */
  @Post(':id/resend')
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: OutgoingShareDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto, description: 'VALIDATION_FAILED: it could not be offered now' })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @ApiConflictResponse({
    type: ErrorBodyDto,
    description: 'STATE_CONFLICT: it has not failed, or was sent again already',
  })
  resend(@Param('id') id: string, @Headers('Idempotency-Key') key?: string): Promise<OutgoingShareDto> {
    return this.resendShare.execute(id, key);
  }

  /** Outgoing shares, newest first. */
  @Get()
  @ApiQuery({ name: 'owner', required: false, type: String, description: 'account id or username' })
  @ApiQuery({ name: 'state', required: false, enum: OUTGOING_STATES })
  @ApiQuery({ name: 'cursor', required: false, type: String })
  @ApiQuery({ name: 'limit', required: false, type: Number })
  @ApiOkResponse({ type: OutgoingShareListDto })
  list(
    @Query('owner') owner?: unknown,
    @Query('state') state?: unknown,
    @Query('cursor') cursor?: unknown,
    @Query('limit') limit?: unknown,
  ): Promise<OutgoingShareListDto> {
    return this.describe.list({ owner, state, cursor, limit });
  }

  /** One outgoing share, with its state and how its delivery stands. */
  @Get(':id')
  @ApiOkResponse({ type: OutgoingShareDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  read(@Param('id') id: string): Promise<OutgoingShareDto> {
    return this.describe.byId(id);
  }

  /** Change what the recipient may do, how it is called, or how long it lasts. */
  @Patch(':id')
  @ApiOkResponse({ type: OutgoingShareDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it has ended' })
  change(@Param('id') id: string, @Body(JsonBody.of(ChangeShareDto)) body: ChangeShareDto): Promise<OutgoingShareDto> {
    return this.changeShare.execute(id, body);
  }

  /** Withdraw it: true here at once, told to the other cloud as long as it takes. */
  @Delete(':id')
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it has ended otherwise' })
  withdraw(@Param('id') id: string): Promise<void> {
    return this.withdrawShare.execute(id);
  }
}
