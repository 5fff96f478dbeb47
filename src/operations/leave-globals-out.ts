import {
  type CanActivate,
  Injectable,
  Logger,
  type NestInterceptor,
  type OnModuleInit,
  type PipeTransform,
  SetMetadata,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { isFederationRoute } from '../access/federation-route.js';
import { isForOurRoute } from './own-requests.js';
import { requireAdapter } from './require-adapter.js';

const ALSO_OURS = 'entente:also-on-federation-routes';

/** On a global guard, interceptor or pipe of the host: it runs on the routes of the federation tier too. */
export function AlsoOnFederationRoutes(): ClassDecorator {
  return SetMetadata(ALSO_OURS, true);
}

/** Global guards, interceptors and pipes as Nest keeps them: instances, and holders of those that are made per request. */
interface Kept<T> {
  readonly shared: T[];
  readonly perRequest: InstanceWrapper<T>[];
}

/**
 * Routes of ours bring their own guards, pipes and filter along. What the host has made global for its own routes would
 * ask peers for its sessions, rewrite bodies before we read them, and wrap answers that peers know: it is passed over on
 * our routes, and on no other, unless it says `@AlsoOnFederationRoutes()`. Global filters need no such care: a filter of
 * a controller comes first.
 */
@Injectable()
export class LeaveGlobalsOut implements OnModuleInit {
  private readonly logger = new Logger('FederationModule');

  constructor(
    private readonly config: ApplicationConfig,
    private readonly http: HttpAdapterHost,
  ) {}

  /** Nest puts the parts of every route together right after this. @throws if the adapter came later, and is not ours */
  onModuleInit(): void {
    requireAdapter(this.http);
    const { config } = this;
    const left = [
      ...leaveOut({ shared: config.getGlobalGuards(), perRequest: config.getGlobalRequestGuards() }, guard),
      ...leaveOut(
        { shared: config.getGlobalInterceptors(), perRequest: config.getGlobalRequestInterceptors() },
        interceptor,
      ),
      ...leaveOut({ shared: config.getGlobalPipes(), perRequest: config.getGlobalRequestPipes() }, pipe),
    ];
    if (left.length > 0) this.logger.log(`not on the routes of the federation tier: ${left.join(', ')}`);
  }
}

/** Wraps in place; gives the names of what was wrapped. */
function leaveOut<T extends object>({ shared, perRequest }: Kept<T>, around: (one: T) => T): string[] {
  const names: string[] = [];
  const wrap = (one: T): T => {
    if (Reflect.hasMetadata(ALSO_OURS, one.constructor)) return one;
    names.push(one.constructor.name);
    return around(one);
  };
  for (const [at, one] of shared.entries()) shared[at] = wrap(one);
  for (const [at, holder] of perRequest.entries()) {
    if (Reflect.hasMetadata(ALSO_OURS, holder.metatype ?? Object)) continue;
    names.push(holder.name);
    perRequest[at] = Object.create(holder, { getInstanceByContextId: { value: perContext(holder, around) } });
  }
  return names;
}

function perContext<T extends object>(holder: InstanceWrapper<T>, around: (one: T) => T) {
  return (...context: Parameters<typeof holder.getInstanceByContextId>) => {
    const made = holder.getInstanceByContextId(...context);
    return made?.instance ? { ...made, instance: around(made.instance) } : made;
  };
}

function guard(one: CanActivate): CanActivate {
  return { canActivate: (context) => isFederationRoute(context) || one.canActivate(context) };
}

function interceptor(one: NestInterceptor): NestInterceptor {
  return {
    intercept: (context, next) => (isFederationRoute(context) ? next.handle() : one.intercept(context, next)),
  };
}

/** A pipe does not see the route that it works for. */
function pipe(one: PipeTransform): PipeTransform {
  return { transform: (value, metadata) => (isForOurRoute() ? value : one.transform(value, metadata)) };
}
