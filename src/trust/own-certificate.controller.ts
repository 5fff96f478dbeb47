import { Body, Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiConflictResponse, ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ForOperator } from '../access/audience.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { JsonBody } from '../ocm/http/json-body.pipe.js';
import { CancelRotation } from './cancel-rotation.js';
import { DescribeRotation } from './describe-rotation.js';
import { RotateDto, RotationDto } from './own-certificate.dto.js';
import { StartRotation } from './start-rotation.js';

/** The federation certificate that we show to peers. */
@ApiTags('Self')
@Controller('admin/self/certificate')
@ForOperator()
export class OwnCertificateController {
  constructor(
    private readonly startRotation: StartRotation,
    private readonly cancelRotation: CancelRotation,
    private readonly describeRotation: DescribeRotation,
  ) {}

  /** Make a new key and announce it to every peer. It is used once all know it, or at `switchBy`. */
  @Post('rotate')
  @HttpCode(202)
  @ApiAcceptedResponse({ type: RotationDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: a rotation runs already' })
  async rotate(@Body(JsonBody.of(RotateDto, { emptyBody: 'allow' })) body: RotateDto): Promise<RotationDto> {
    await this.startRotation.execute(body.switchBy);
    return this.describeRotation.execute();
  }

  /** How far it has come, and who does not know the new key; or how the last one ended. */
  @Get('rotation')
  @ApiOkResponse({ type: RotationDto })
  @ApiNotFoundResponse({ type: ErrorBodyDto, description: 'there never was one' })
  read(): Promise<RotationDto> {
    return this.describeRotation.execute();
  }

  /** Keep the present key, as long as the new one is not used yet. Peers are told. */
  @Delete('rotation')
  @ApiOkResponse({ type: RotationDto })
  @ApiConflictResponse({ type: ErrorBodyDto, description: 'STATE_CONFLICT: no rotation runs, or it was switched' })
  async cancel(): Promise<RotationDto> {
    await this.cancelRotation.execute();
    return this.describeRotation.execute();
  }
}
