import { Body, Controller, Delete, HttpCode, Post } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiTags,
  ApiTooManyRequestsResponse,
} from '@nestjs/swagger';
import { Clock } from '../kernel/clock.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { Caller, FromStranger, FromTrustedPeer, Peer } from './from-trusted-peer.js';
import {
  PongDto,
  TrustCancellationDto,
  TrustConfirmationDto,
  TrustConfirmedDto,
  TrustEndDto,
  TrustRequestDto,
  TrustRequestedDto,
} from './handshake.dto.js';
import type { Stranger } from './peer-request.js';
import { ReceiveCancellation } from './receive-cancellation.js';
import { ReceiveConfirmation } from './receive-confirmation.js';
import { ReceiveTrustEnd } from './receive-trust-end.js';
import { ReceiveTrustRequest } from './receive-trust-request.js';
import type { TrustedPeer } from './trusted-peer.js';

const IGNORE_UNKNOWN = { unknownProperties: 'ignore' } as const;

/** How clouds come to trust each other. */
@ApiTags('Trust')
@Controller('federation')
export class HandshakeController {
  constructor(
    private readonly receiveRequest: ReceiveTrustRequest,
    private readonly receiveConfirmation: ReceiveConfirmation,
    private readonly receiveCancellation: ReceiveCancellation,
  ) {}

  /** A cloud asks for trust; an operator will answer. */
  @Post('trust-requests')
  @FromStranger()
  @HttpCode(202)
  @ApiAcceptedResponse({ type: TrustRequestedDto })
  @ApiTooManyRequestsResponse({ type: ErrorBodyDto, description: 'too many requests wait already' })
  request(
    @Caller() caller: Stranger,
    @Body(JsonBody.of(TrustRequestDto, IGNORE_UNKNOWN)) body: TrustRequestDto,
  ): Promise<TrustRequestedDto> {
    return this.receiveRequest.execute(caller, body);
  }

  /** A cloud that we asked for trust answers, quoting our code. */
  @Post('trust-confirmations')
  @FromStranger()
  @HttpCode(200)
  @ApiOkResponse({ type: TrustConfirmedDto })
  confirm(
    @Caller() caller: Stranger,
    @Body(JsonBody.of(TrustConfirmationDto, IGNORE_UNKNOWN)) body: TrustConfirmationDto,
  ): Promise<TrustConfirmedDto> {
    return this.receiveConfirmation.execute(caller, body);
  }

  /** A cloud takes its request for trust back. */
  @Post('trust-cancellations')
  @FromStranger()
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'whether or not there was such a request' })
  cancel(
    @Caller() caller: Stranger,
    @Body(JsonBody.of(TrustCancellationDto, IGNORE_UNKNOWN)) body: TrustCancellationDto,
  ): Promise<void> {
    return this.receiveCancellation.execute(caller, body);
  }
}

/** What a trusted service may do about the trust itself. */
@ApiTags('Trust')
@Controller('federation')
export class TrustController {
  constructor(
    private readonly receiveTrustEnd: ReceiveTrustEnd,
    private readonly clock: Clock,
  ) {}

  /** A peer ends the relationship. */
  @Delete('trust')
  @FromTrustedPeer('leaving')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'the relationship has ended' })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: another relationship is meant' })
  end(@Peer() peer: TrustedPeer, @Body(JsonBody.of(TrustEndDto, IGNORE_UNKNOWN)) body: TrustEndDto): Promise<void> {
    return this.receiveTrustEnd.execute(peer, body);
  }

  /** How a peer checks that we know it. */
  @Post('ping')
  @FromTrustedPeer('trust')
  @HttpCode(200)
  @ApiOkResponse({ type: PongDto })
  ping(@Peer() peer: TrustedPeer): PongDto {
    // The last one is theirs if they told us one: whoever asks knows it, which need not be so with ours.
    const relationship = peer.references.at(-1) ?? '';
    return { now: this.clock.now().toISOString(), fingerprintSeen: peer.pin, relationship };
  }
}
