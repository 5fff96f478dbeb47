import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { Alerts } from '../../audit/alerts.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { parseCursor, parseLimit } from '../../persistence/keyset.js';
import { ForOperator } from '../audience.js';
import { AlertDto, AlertPageDto } from './alert.dto.js';

/** What an operator has to look at. */
@ApiTags('Alerts')
@Controller('admin/alerts')
@ForOperator()
export class AlertsController {
  constructor(private readonly alerts: Alerts) {}

  @Get()
  @ApiOperation({ summary: 'What waits for an operator, newest first; one row per kind and subject, however often' })
  @ApiQuery({ name: 'state', enum: ['open', 'settled'], required: false, description: 'Default both' })
  @ApiQuery({ name: 'cursor', type: String, required: false, description: '`next` of the page before' })
  @ApiQuery({ name: 'limit', type: String, required: false, description: '1 to 200, default 50' })
  @ApiOkResponse({ type: AlertPageDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto })
  list(@Query() { state, cursor, limit }: Record<string, unknown>): Promise<AlertPageDto> {
    return this.alerts.list(parseState(state), parseCursor(cursor), parseLimit(limit));
  }

  @Post(':id/settle')
  @HttpCode(200)
  @ApiOperation({ summary: 'Seen to. It comes back if it happens again; settling it again changes nothing' })
  @ApiOkResponse({ type: AlertDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  settle(@Param('id') id: string): Promise<AlertDto> {
    return this.alerts.settleById(id);
  }
}

function parseState(state: unknown): boolean | undefined {
  if (state === undefined) return undefined;
  if (state !== 'open' && state !== 'settled') throw ValidationFailed.of('state', 'INVALID');
  return state === 'open';
}
