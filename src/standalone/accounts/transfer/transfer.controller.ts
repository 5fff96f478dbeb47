import { Body, Controller, Get, Headers, HttpCode, Post, Res, type StreamableFile } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiConsumes,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import { ApiIdempotencyKey, ForHost } from '../../../index.js';
import { ImportReportDto } from './account-line.dto.js';
import { AccountLines, type ReadLine } from './account-lines.pipe.js';
import { ExportAccounts } from './export-accounts.js';
import { ImportAccounts } from './import-accounts.js';

/** What is needed of Fastify's reply. */
interface Reply {
  header(name: string, value: string): unknown;
}

const EXAMPLE = '{"username":"carol@cloud1.localhost","displayName":"Carol Example","emails":["carol@example.org"]}\n';

/** Accounts by the thousand, as JSON lines. */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
@ForHost()
export class TransferController {
  constructor(
    private readonly importAccounts: ImportAccounts,
    private readonly exportAccounts: ExportAccounts,
  ) {}

  @Post('import')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Add accounts, or change those of the same username',
    description:
      'At most 64 KiB and 1,000 lines a call, in one transaction. A refused line does not keep the others out; the same lines again change nothing. `password` or `passwordHash` (argon2id, PHC) set the password; `id` and `createdAt` are passed over, so that exported lines can be sent as they are.',
  })
  @ApiIdempotencyKey()
  @ApiConsumes('application/x-ndjson')
  @ApiBody({ schema: { type: 'string', example: EXAMPLE } })
  @ApiOkResponse({ type: ImportReportDto })
  @ApiConflictResponse({ description: '`STATE_CONFLICT`: the key was used for other lines' })
  import(
    @Body(new AccountLines()) lines: ReadLine[],
    @Headers('Idempotency-Key') key?: string,
  ): Promise<ImportReportDto> {
    return this.importAccounts.execute(lines, key);
  }

  @Get('export')
  @ApiOperation({
    summary: 'All accounts, without their passwords',
    description: '`X-Account-Count`: how many there are',
  })
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' } })
  async export(@Res({ passthrough: true }) reply: Reply): Promise<StreamableFile> {
    const { total, file } = await this.exportAccounts.execute(false);
    reply.header('x-account-count', String(total));
    return file;
  }
}
