import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ValidationFailed } from '../../kernel/federation-error.js';
import { PAGE_SIZE, type Page } from '../page.js';
import type { FederationRequest } from './request.js';

/** Media type of everything that the routes of OCM 0.0.3 answer with success. */
export const HAL_JSON = 'application/hal+json';

/** Pages beyond this one cannot exist; it keeps offsets within safe integers. */
const LAST_PAGE = 1_000_000_000;

/** The number of the page that is asked for: `list(@OcmPage() page: number)`. */
export const OcmPage = createParamDecorator((_: unknown, context: ExecutionContext): number =>
  pageNumber(context.switchToHttp().getRequest<FederationRequest>().query),
);

/**
 * 1 if the query names none.
 * @throws ValidationFailed unless it is one whole number from 1 in plain decimal digits.
 */
function pageNumber(query: unknown): number {
  const entries = Object.entries(query ?? {}).filter(([key]) => key === 'page' || key.startsWith('page['));
  if (entries.length === 0) return 1;
  const text: unknown = entries[0]?.[0] === 'page' ? entries[0][1] : undefined;
  if (entries.length > 1 || typeof text !== 'string' || !/^[1-9]\d{0,9}$/.test(text) || Number(text) > LAST_PAGE) {
    throw ValidationFailed.of('page', 'INVALID');
  }
  return Number(text);
}

/** The headers that go with one page. */
export function pageHeaders(page: Page): Record<string, string> {
  return { 'x-page': String(page.number), 'x-per-page': String(page.size), 'x-total': String(page.total) };
}

/** A page of the usual size. */
export function pageOf(number: number, total: number): Page {
  return { number, size: PAGE_SIZE, total };
}

/** Under which prefix this call came in: `/ocm`, or nothing. Links in the answer start with it. */
export const OcmMount = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  context.switchToHttp().getRequest<FederationRequest>().url.startsWith('/ocm/') ? '/ocm' : '',
);
