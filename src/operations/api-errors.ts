import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** What a refusal of each status looks like; of several codes, the one that a reader of the document will meet first. */
const EXAMPLES: Readonly<Record<string, object>> = {
  400: { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'name', message: 'REQUIRED' }] },
  401: { message: 'CLIENT_NOT_AUTHENTICATED' },
  403: { message: 'NOT_ALLOWED' },
  404: { message: 'RESOURCE_NOT_FOUND' },
  409: { message: 'STATE_CONFLICT' },
  413: { message: 'PAYLOAD_TOO_LARGE' },
  415: { message: 'UNSUPPORTED_MEDIA_TYPE' },
  429: { message: 'TOO_MANY_REQUESTS' },
  501: { message: 'NOT_ENABLED' },
  503: { message: 'UNAVAILABLE' },
};

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  400: '`VALIDATION_FAILED`: `validationErrors` names the fields',
  404: '`RESOURCE_NOT_FOUND`: no such thing, or not yours',
  413: '`PAYLOAD_TOO_LARGE`: more than 64 KiB',
  415: '`UNSUPPORTED_MEDIA_TYPE`: the body is not what this route reads',
  501: '`NOT_ENABLED`: switched off here',
  503: '`UNAVAILABLE`: try again after `Retry-After` seconds',
};

const ERROR_BODY = { $ref: '#/components/schemas/ErrorBodyDto' };

/** Adds the refusals that every route of its kind can give, and shows each with the body that belongs to its status. */
export function withErrors(path: string, operation: Operation, isForPeers: boolean): Operation {
  const possible = [
    ...(operation.requestBody ? ['400', '413', '415'] : []),
    ...((operation.parameters ?? []).some((parameter) => 'in' in parameter && parameter.in === 'query') ? ['400'] : []),
    ...(path.includes('{') ? ['404'] : []),
    ...(isForPeers ? ['501'] : []),
    '503',
  ];
  const declared = operation.responses;
  const responses = { ...declared };
  for (const status of possible) responses[status] ??= { description: DESCRIPTIONS[status] ?? '' };
  for (const [status, example] of Object.entries(EXAMPLES)) {
    const response = responses[status];
    if (!response || '$ref' in response) continue;
    responses[status] = { ...response, content: { 'application/json': { schema: ERROR_BODY, example } } };
  }
  return { ...operation, responses };
}
