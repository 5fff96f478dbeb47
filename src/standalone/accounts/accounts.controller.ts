import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiIdempotencyKey, ForHost, JsonBody } from '../../index.js';
import { AccountDto, AccountPageDto, ChangeAccountDto, CreateAccountDto } from './account.dto.js';
import { ChangeAccount } from './change-account.js';
import { CreateAccount } from './create-account.js';
import { DeleteAccount } from './delete-account.js';
import { ListAccounts } from './list-accounts.js';
import { ReadAccount } from './read-account.js';

/** The accounts of a cloud that has no file platform to ask. */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
@ForHost()
export class AccountsController {
  constructor(
    private readonly createAccount: CreateAccount,
    private readonly listAccounts: ListAccounts,
    private readonly readAccount: ReadAccount,
    private readonly changeAccount: ChangeAccount,
    private readonly deleteAccount: DeleteAccount,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Add an account' })
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: AccountDto })
  @ApiConflictResponse({
    description: '`STATE_CONFLICT`: an address belongs to another account, or the key to other content',
  })
  create(
    @Body(JsonBody.of(CreateAccountDto)) body: CreateAccountDto,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<AccountDto> {
    return this.createAccount.execute(body, key);
  }

  @Get()
  @ApiOperation({ summary: 'Accounts, newest first' })
  @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
  @ApiQuery({ name: 'limit', required: false, description: '1 to 200, default 50' })
  list(@Query('cursor') cursor?: string, @Query('limit') limit?: string): Promise<AccountPageDto> {
    return this.listAccounts.execute(cursor, limit);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One account' })
  read(@Param('id') id: string): Promise<AccountDto> {
    return this.readAccount.execute(id);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change what is given' })
  @ApiConflictResponse({ description: '`STATE_CONFLICT`: an address belongs to another account' })
  change(@Param('id') id: string, @Body(JsonBody.of(ChangeAccountDto)) body: ChangeAccountDto): Promise<AccountDto> {
    return this.changeAccount.execute(id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove an account: withdraws its outgoing shares and leaves its incoming ones' })
  delete(@Param('id') id: string): Promise<void> {
    return this.deleteAccount.execute(id);
  }
}
