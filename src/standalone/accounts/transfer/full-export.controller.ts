import { Controller, HttpCode, Post, Res, type StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { ForOperator } from '../../../index.js';
import { ExportAccounts } from './export-accounts.js';

interface Reply {
  header(name: string, value: string): unknown;
}

/**
 * Accounts with what their passwords can be guessed from. A host sets passwords and never reads them; to move a whole
 * directory is the operator's decision. A POST, because auditors may GET.
 */
@ApiTags('Accounts')
@Controller('admin/accounts/export')
@ForOperator()
export class FullExportController {
  constructor(private readonly exportAccounts: ExportAccounts) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'All accounts with the hashes of their passwords, to move them to another cloud',
    description: 'Audited. `X-Account-Count`: how many there are. The lines can be imported as they are.',
  })
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' } })
  async export(@Res({ passthrough: true }) reply: Reply): Promise<StreamableFile> {
    const { total, file } = await this.exportAccounts.execute(true);
    reply.header('x-account-count', String(total));
    return file;
  }
}
