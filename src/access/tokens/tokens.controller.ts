import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ErrorBodyDto } from '../../ocm/http/error-body.dto.js';
import { JsonBody } from '../../ocm/http/json-body.pipe.js';
import { ForOperator } from '../audience.js';
import { IssueToken } from './issue-token.js';
import { ListTokens } from './list-tokens.js';
import { RevokeToken } from './revoke-token.js';
import { IssuedTokenDto, IssueTokenDto, TokenPageDto } from './token.dto.js';

/** Credentials of the operator and host APIs. */
@ApiTags('Tokens')
@Controller('admin/tokens')
@ForOperator()
export class TokensController {
  constructor(
    private readonly issueToken: IssueToken,
    private readonly listTokens: ListTokens,
    private readonly revokeToken: RevokeToken,
  ) {}

  @Post()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Issue a token; the answer shows it, this once' })
  @ApiCreatedResponse({ type: IssuedTokenDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto })
  issue(@Body(JsonBody.of(IssueTokenDto)) body: IssueTokenDto): Promise<IssuedTokenDto> {
    return this.issueToken.execute(body);
  }

  @Get()
  @ApiOperation({ summary: 'All tokens, newest first, revoked ones too' })
  @ApiQuery({ name: 'cursor', type: String, required: false, description: '`next` of the page before' })
  @ApiQuery({ name: 'limit', type: String, required: false, description: '1 to 200, default 50' })
  @ApiOkResponse({ type: TokenPageDto })
  @ApiBadRequestResponse({ type: ErrorBodyDto })
  list(@Query('cursor') cursor?: unknown, @Query('limit') limit?: unknown): Promise<TokenPageDto> {
    return this.listTokens.execute(cursor, limit);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a token; revoking it again changes nothing' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  revoke(@Param('id') id: string): Promise<void> {
    return this.revokeToken.execute(id);
  }
}
