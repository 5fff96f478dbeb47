import { applyDecorators, SetMetadata, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiForbiddenResponse, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';
import { OcmErrorFilter } from '../ocm/http/ocm-error.filter.js';
import { BearerGuard, REQUIRED_ROLE } from './bearer.guard.js';
import { markRoutes } from './federation-route.js';

/** Metadata key: whom a route answers. Every route has one. */
export const AUDIENCE = 'entente:audience';
export const AUDIENCES = ['operator', 'host', 'peer', 'stranger', 'anyone'] as const;
export type AudienceName = (typeof AUDIENCES)[number];

type RouteDecorator = MethodDecorator & ClassDecorator;

/**
 * Says whom a route answers, and by that makes it one of ours, also where a host has routes of its own. It only says so:
 * use a decorator that brings the guard along.
 */
export function Audience(audience: AudienceName): RouteDecorator {
  return applyDecorators(SetMetadata(AUDIENCE, audience), ((target, _name, descriptor) =>
    markRoutes(audience, target, descriptor)) satisfies RouteMarker);
}

type RouteMarker = (target: object, name?: string | symbol, descriptor?: PropertyDescriptor) => void;

/** The route answers tokens of the role `operator`; `GET` also those of `auditor`. */
export function ForOperator(): RouteDecorator {
  return forRole('operator');
}

/** The route answers tokens of the role `host`. */
export function ForHost(): RouteDecorator {
  return forRole('host');
}

/** The route answers everybody, without credentials. */
export function ForAnyone(): RouteDecorator {
  return applyDecorators(Audience('anyone'), UseFilters(OcmErrorFilter));
}

function forRole(role: 'operator' | 'host'): RouteDecorator {
  return applyDecorators(
    Audience(role),
    SetMetadata(REQUIRED_ROLE, role),
    UseGuards(BearerGuard),
    UseFilters(OcmErrorFilter),
    ApiBearerAuth('bearer'),
    ApiUnauthorizedResponse({ type: ErrorBodyDto, description: '`CLIENT_NOT_AUTHENTICATED`: no valid bearer token' }),
    ApiForbiddenResponse({
      type: ErrorBodyDto,
      description: `\`NOT_ALLOWED\`: the token has not the role \`${role}\``,
    }),
  );
}
