import { Controller, Get, Query } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ListRefusals } from '../../audit/list-refusals.js';
import { SearchEntries } from '../../audit/search-entries.js';
import { VerifyChain } from '../../audit/verify-chain.js';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { parseCursor, parseLimit } from '../../persistence/keyset.js';
import { ForOperator } from '../audience.js';
import { AuditPageDto, ChainVerdictDto } from './audit.dto.js';
import { parseFilter } from './entry-filter.js';
import { RefusalsPageDto } from './refusal.dto.js';

/** What was done here, by whom, and whether the record of it is whole. */
@ApiTags('Audit')
@Controller('admin/audit')
@ForOperator()
export class AuditController {
  constructor(
    private readonly searchEntries: SearchEntries,
    private readonly verifyChain: VerifyChain,
    private readonly listRefusals: ListRefusals,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Entries, newest first; filters match exactly' })
  @ApiQuery({ name: 'action', type: String, required: false, example: 'token.issued' })
  @ApiQuery({ name: 'object', type: String, required: false })
  @ApiQuery({ name: 'peer', type: String, required: false, description: 'Id of a relationship' })
  @ApiQuery({ name: 'cursor', type: String, required: false, description: '`next` of the page before' })
  @ApiQuery({ name: 'limit', type: String, required: false, description: '1 to 200, default 50' })
  @ApiOkResponse({ type: AuditPageDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto })
  search(@Query() query: Record<string, unknown>): Promise<AuditPageDto> {
    return this.searchEntries.execute(parseFilter(query), parseCursor(query.cursor), parseLimit(query.limit));
  }

  @Get('verify')
  @ApiOperation({ summary: 'Recompute the whole chain; names the first bad row' })
  @ApiOkResponse({ type: ChainVerdictDto })
  verify(): Promise<ChainVerdictDto> {
    return this.verifyChain.execute();
  }

  @Get('refusals')
  @ApiOperation({ summary: 'Why callers were refused, counted per reason, network and hour; newest hour first' })
  @ApiQuery({ name: 'cursor', type: String, required: false, description: '`next` of the page before' })
  @ApiQuery({ name: 'limit', type: String, required: false, description: '1 to 200, default 50' })
  @ApiOkResponse({ type: RefusalsPageDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto })
  refusals(@Query() { cursor, limit }: Record<string, unknown>): Promise<RefusalsPageDto> {
    return this.listRefusals.execute(parseCursor(cursor), parseLimit(limit));
  }
}
