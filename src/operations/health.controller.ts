import { Controller, Get } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { ForAnyone } from '../access/audience.js';
import { FederationError } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { FederationAdapter } from './federation-adapter.js';

/** How long the database may take to answer before we call it unavailable, in milliseconds. */
const PATIENCE = 1_000;

export class HealthDto {
  @ApiProperty({ example: 'ok' })
  readonly status: 'ok' = 'ok';
}

/** For those who start, watch and balance us. Answers under any `Host`. */
@ApiTags('Health')
@Controller('health')
@ForAnyone()
export class HealthController {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly transactions: Transactions,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  @ApiOkResponse({ type: HealthDto })
  live(): HealthDto {
    return new HealthDto();
  }

  /** Migrations are done before anything listens, so whoever can ask has them behind us. */
  @Get('ready')
  @ApiOperation({ summary: 'Requests can be served: the database answers, and we are not stopping' })
  @ApiOkResponse({ type: HealthDto })
  @ApiServiceUnavailableResponse({ description: '`UNAVAILABLE`; try again after `Retry-After` seconds' })
  async ready(): Promise<HealthDto> {
    await withinPatience(this.transactions.query('select 1'));
    const adapter = this.http.httpAdapter;
    if (adapter instanceof FederationAdapter && adapter.isDraining) throw unavailable('draining');
    return new HealthDto();
  }
}

async function withinPatience(question: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(unavailable('the database takes too long')), PATIENCE);
  });
  try {
    await Promise.race([question, tooLate]);
  } catch (error) {
    throw error instanceof FederationError ? error : unavailable('the database does not answer', error);
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(internal: string, cause?: unknown): FederationError {
  return new FederationError('unavailable', 'UNAVAILABLE', { retryAfter: 5, internal, cause });
}
