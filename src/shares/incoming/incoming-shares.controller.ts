import { Controller, Delete, Get, Headers, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ForHost } from '../../access/audience.js';
import { ApiIdempotencyKey } from '../../access/idempotency-key.js';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { AnswerOffer } from './answer-offer.js';
import { DescribeIncoming } from './describe-incoming.js';
import { GiveAccess } from './give-access.js';
import { AccessDto, IncomingShareDto, IncomingShareListDto } from './incoming.dto.js';
import { INCOMING_STATES } from './incoming-share.entity.js';

/** What other clouds share with accounts of ours. */
@ApiTags('Incoming shares')
@Controller('api/v1/shares/incoming')
@ForHost()
export class IncomingSharesController {
  constructor(
    private readonly answerOffer: AnswerOffer,
    private readonly giveAccess: GiveAccess,
    private readonly describe: DescribeIncoming,
  ) {}

  /** Incoming shares, newest first. */
  @Get()
  @ApiQuery({ name: 'recipient', required: false, type: String, description: 'account id or username' })
  @ApiQuery({ name: 'state', required: false, enum: INCOMING_STATES })
  @ApiQuery({ name: 'cursor', required: false, type: String })
  @ApiQuery({ name: 'limit', required: false, type: Number })
  @ApiOkResponse({ type: IncomingShareListDto })
  list(
    @Query('recipient') recipient?: unknown,
    @Query('state') state?: unknown,
    @Query('cursor') cursor?: unknown,
    @Query('limit') limit?: unknown,
  ): Promise<IncomingShareListDto> {
    return this.describe.list({ recipient, state, cursor, limit });
  }

  /** One incoming share. */
  @Get(':id')
  @ApiOkResponse({ type: IncomingShareDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  read(@Param('id') id: string): Promise<IncomingShareDto> {
    return this.describe.byId(id);
  }

  /** The credentials of an accepted share, once the provider has confirmed. Every reading is audited. */
  @Get(':id/access')
  @ApiOkResponse({ type: AccessDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'NOT_YET_CONFIRMED (Retry-After), STATE_CONFLICT' })
  async access(@Param('id') id: string): Promise<AccessDto> {
    return { protocols: await this.giveAccess.execute(id) };
  }

  /** The recipient accepts. Doing it again changes nothing. */
  @Post(':id/accept')
  @ApiIdempotencyKey()
  @HttpCode(200)
  @ApiOkResponse({ type: IncomingShareDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it has ended' })
  accept(@Param('id') id: string, @Headers('Idempotency-Key') key?: string): Promise<IncomingShareDto> {
    return this.answerOffer.acceptById(id, key);
  }

  /** The recipient declines. */
  @Post(':id/decline')
  @ApiIdempotencyKey()
  @HttpCode(200)
  @ApiOkResponse({ type: IncomingShareDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it was accepted, or has ended' })
  decline(@Param('id') id: string, @Headers('Idempotency-Key') key?: string): Promise<IncomingShareDto> {
    return this.answerOffer.declineById(id, key);
  }

  /** The recipient leaves an accepted share, or declines one that waits. */
  @Delete(':id')
  @HttpCode(204)
  @ApiNoContentResponse()
  leave(@Param('id') id: string): Promise<void> {
    return this.answerOffer.leaveById(id);
  }
}
