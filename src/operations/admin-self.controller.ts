import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForOperator } from '../access/audience.js';
import { DescribeSelf } from './describe-self.js';
import { SelfDto } from './self.dto.js';

/** What an operator wants to know of this deployment. */
@ApiTags('Self')
@Controller('admin/self')
@ForOperator()
export class AdminSelfController {
  constructor(private readonly describeSelf: DescribeSelf) {}

  @Get()
  @ApiOperation({ summary: 'Version, origins, domains and the certificate that peers pin' })
  @ApiOkResponse({ type: SelfDto })
  read(): SelfDto {
    return this.describeSelf.execute();
  }
}
