import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ForHost } from '../../access/audience.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { Secret } from '../../kernel/secret.js';
import { FormBody } from '../../ocm/http/form-body.pipe.js';
import { IntrospectToken } from './introspect-token.js';
import { IntrospectionDto } from './outgoing.dto.js';

const FORM = {
  type: 'object',
  required: ['token'],
  properties: { token: { type: 'string' }, token_type_hint: { type: 'string' } },
};

/** How the file platform lets a foreign client in. */
@ApiTags('Access')
@Controller('api/v1/access')
@ForHost()
export class IntrospectionController {
  constructor(private readonly introspectToken: IntrospectToken) {}

  /**
   * What a token is worth that came with an outgoing share (RFC 7662). Each parameter at most once; all but `token` are
   * ignored, and the answer is that of this moment: an `Idempotency-Key` keeps none.
   */
  @Post('introspect')
  @HttpCode(200)
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: FORM })
  @ApiOkResponse({ type: IntrospectionDto })
  introspect(@Body(new FormBody()) form: ReadonlyMap<string, string>): Promise<IntrospectionDto> {
    const token = form.get('token');
    if (!token) throw ValidationFailed.of('token', 'REQUIRED');
    return this.introspectToken.execute(new Secret(token));
  }
}
