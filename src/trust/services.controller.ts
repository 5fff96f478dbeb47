import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { ForOperator } from '../access/audience.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { AcceptService } from './accept-service.js';
import { AddService } from './add-service.js';
import { ChangeService } from './change-service.js';
import { EndService } from './end-service.js';
import { ListServices } from './list-services.js';
import { ReapproveServiceDto } from './reapprove.dto.js';
import { ReapproveService } from './reapprove-service.js';
import { RejectService } from './reject-service.js';
import { TestedServiceDto } from './service-test.dto.js';
import { AcceptServiceDto, AddServiceDto, ChangeServiceDto, ServiceDto, ServiceListDto } from './services.dto.js';
import { ADD_SERVICE_EXAMPLES } from './services.examples.js';
import { TestService } from './test-service.js';

/** The clouds around us: add, accept, reject, test, revoke. */
@ApiTags('Services')
@Controller('admin/services')
@ForOperator()
export class ServicesController {
  constructor(
    private readonly listServices: ListServices,
    private readonly addService: AddService,
    private readonly acceptService: AcceptService,
    private readonly rejectService: RejectService,
    private readonly changeService: ChangeService,
    private readonly endService: EndService,
    private readonly testService: TestService,
    private readonly reapproveService: ReapproveService,
  ) {}

  /** List the clouds we trust, have asked, or were asked by; newest first. */
  @Get()
  @ApiQuery({ name: 'cursor', required: false, type: String })
  @ApiQuery({ name: 'limit', required: false, type: Number })
  @ApiQuery({
    name: 'reviewDue',
    required: false,
    type: Boolean,
    description: 'true: those whose review date has passed',
  })
  @ApiOkResponse({ type: ServiceListDto })
  list(
    @Query('cursor') cursor?: unknown,
    @Query('limit') limit?: unknown,
    @Query('reviewDue') reviewDue?: unknown,
  ): Promise<ServiceListDto> {
    return this.listServices.execute({ cursor, limit, reviewDue });
  }

  /** One cloud. */
  @Get(':id')
  @ApiOkResponse({ type: ServiceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  read(@Param('id') id: string): Promise<ServiceDto> {
    return this.listServices.one(id);
  }

  /** Add a cloud by its URL: it is asked for trust. With its certificate it is trusted by hand, at once. */
  @Post()
  @ApiBody({ type: AddServiceDto, examples: ADD_SERVICE_EXAMPLES })
  @ApiCreatedResponse({ type: ServiceDto })
  @ApiConflictResponse({
    type: ErrorBodyDto,
    description: 'STATE_CONFLICT: there is a relationship already, or a domain or the key is ours or another peer’s',
  })
  async add(@Body(JsonBody.of(AddServiceDto)) body: AddServiceDto): Promise<ServiceDto> {
    return this.listServices.one((await this.addService.execute(body)).id);
  }

  /** Accept a cloud that asked for trust. Compare its fingerprint with its operator first. */
  @Post(':id/accept')
  @HttpCode(200)
  @ApiOkResponse({ type: ServiceDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it was answered already' })
  async accept(
    @Param('id') id: string,
    @Body(JsonBody.of(AcceptServiceDto, { emptyBody: 'allow' })) body: AcceptServiceDto,
  ): Promise<ServiceDto> {
    return this.listServices.one((await this.acceptService.execute(id, body.fingerprint)).id);
  }

  /** Reject a cloud that asked for trust. */
  @Post(':id/reject')
  @HttpCode(200)
  @ApiOkResponse({ type: ServiceDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it was answered already' })
  async reject(@Param('id') id: string): Promise<ServiceDto> {
    return this.listServices.one((await this.rejectService.execute(id)).id);
  }

  /** Try now whether it can be reached, on a connection of its own: which step fails, and why. At most 10 s. */
  @Post(':id/test')
  @HttpCode(200)
  @ApiOkResponse({ type: TestedServiceDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: it has ended, or waits for your answer' })
  test(@Param('id') id: string): Promise<TestedServiceDto> {
    return this.testService.execute(id);
  }

  /** Re-approve a peer that has another key now. Compare its fingerprint with its operator first; the old key ends at once. */
  @Post(':id/reapprove')
  @HttpCode(200)
  @ApiOkResponse({ type: ServiceDto })
  @ApiConflictResponse({
    type: ErrorBodyDto,
    description:
      'STATE_CONFLICT: the fingerprint is not the one presented (both are in `fingerprint` and `presented` of the service), ' +
      'nothing was presented, the key is in use elsewhere, or there is no trust',
  })
  async reapprove(
    @Param('id') id: string,
    @Body(JsonBody.of(ReapproveServiceDto)) body: ReapproveServiceDto,
  ): Promise<ServiceDto> {
    await this.reapproveService.execute(id, body);
    return this.listServices.one(id);
  }

  /** Say which domains a peer may speak for, what holds for it alone, what it is called, whom to tell, when to review it. */
  @Patch(':id')
  @ApiOkResponse({ type: ServiceDto })
  @ApiConflictResponse({
    type: ErrorBodyDto,
    description: 'STATE_CONFLICT: a domain is ours or another peer’s, or it has ended',
  })
  async change(
    @Param('id') id: string,
    @Body(JsonBody.of(ChangeServiceDto)) body: ChangeServiceDto,
  ): Promise<ServiceDto> {
    await this.changeService.execute(id, body);
    return this.listServices.one(id);
  }

  /** Revoke trust, cancel our request, or reject theirs. True here at once; the other cloud is told. */
  @Delete(':id')
  @HttpCode(204)
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ErrorBodyDto })
  end(@Param('id') id: string): Promise<void> {
    return this.endService.execute(id);
  }
}
