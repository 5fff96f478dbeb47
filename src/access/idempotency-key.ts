import { ApiHeader } from '@nestjs/swagger';

/** Swagger: the POST takes an `Idempotency-Key`, as every POST of the host API does. */
export function ApiIdempotencyKey(): MethodDecorator & ClassDecorator {
  return ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      '1 to 255 visible ASCII characters. For 24 hours a repeat under the same token has no second effect and gets the same answer; with another body it is 409.',
    schema: { type: 'string', maxLength: 255 },
  });
}
