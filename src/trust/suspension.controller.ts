import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiConflictResponse, ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ForOperator } from '../access/audience.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { ListServices } from './list-services.js';
import { ResumeService } from './resume-service.js';
import { ServiceDto, SuspendServiceDto } from './services.dto.js';
import { SuspendService } from './suspend-service.js';

/** A pause in a trusted relationship. */
@ApiTags('Services')
@Controller('admin/services')
@ForOperator()
export class SuspensionController {
  constructor(
    private readonly listServices: ListServices,
    private readonly suspendService: SuspendService,
    private readonly resumeService: ResumeService,
  ) {}

  /** Suspend a peer: it may leave and do nothing else, and what we have to tell it waits. Nothing ends. */
  @Post(':id/suspend')
  @HttpCode(200)
  @ApiOkResponse({ type: ServiceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it is not trusted' })
  async suspend(
    @Param('id') id: string,
    @Body(JsonBody.of(SuspendServiceDto, { emptyBody: 'allow' })) body: SuspendServiceDto,
  ): Promise<ServiceDto> {
    await this.suspendService.execute(id, body.reason);
    return this.listServices.one(id);
  }

  /** Trust a suspended peer again: everything is as it was, and what waited goes at once. */
  @Post(':id/resume')
  @HttpCode(200)
  @ApiOkResponse({ type: ServiceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it is not trusted' })
  async resume(@Param('id') id: string): Promise<ServiceDto> {
    await this.resumeService.execute(id);
    return this.listServices.one(id);
  }
}
