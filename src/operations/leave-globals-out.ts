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

/**
 * Routes of ours bring their own guards, pipes and filter along. What the host has made global for its own routes would
 * ask peers for its sessions, rewrite bodies before we read them, and wrap answers that peers know: it is passed over on
 * our routes, and on no other, unless it says `@AlsoOnFederationRoutes()`. Global filters need no such care: a filter of
 * a controller comes first.
 */
@Injectable()
export class LeaveGlobalsOut implements OnModuleInit {
  private readonly logger = new Logger('FederationModule');
  private readonly leftOut = new Map<object, object>();

  /** From here on, which is before any route is put together, Nest is given the globals as they are to be used. */
  constructor(
    config: ApplicationConfig,
    private readonly http: HttpAdapterHost,
  ) {
    const { leftOut } = this;
    const around = {
      getGlobalGuards: each(config.getGlobalGuards.bind(config), shared(guard, leftOut)),
      getGlobalInterceptors: each(config.getGlobalInterceptors.bind(config), shared(interceptor, leftOut)),
      getGlobalPipes: each(config.getGlobalPipes.bind(config), shared(pipe, leftOut)),
      getGlobalRequestGuards: each(config.getGlobalRequestGuards.bind(config), perRequest(guard, leftOut)),
      getGlobalRequestInterceptors: each(
        config.getGlobalRequestInterceptors.bind(config),
        perRequest(interceptor, leftOut),
      ),
      getGlobalRequestPipes: each(config.getGlobalRequestPipes.bind(config), perRequest(pipe, leftOut)),
    } satisfies Partial<ApplicationConfig>;
    Object.assign(config, around);
  }

  /** @throws if the adapter is not ours: a testing module is given its adapter after everything else */
  onModuleInit(): void {
    requireAdapter(this.http);
    const names = [...this.leftOut.keys()].map((one) => ('name' in one ? one.name : one.constructor.name));
    if (names.length > 0) this.logger.log(`not on the routes of the federation tier: ${names.join(', ')}`);
  }
}

/** `useGlobalPipes(undefined)` is allowed, and means nothing. */
function each<T>(all: () => T[], wrap: (one: T) => T): () => T[] {
  return () => all().filter(Boolean).map(wrap);
}

type Wrap<T> = (one: T) => T;

/** The same wrapper each time, so that there is one of each in every route. */
function remembered<T extends object>(wrap: Wrap<T>, known: Map<object, object>): Wrap<T> {
  return (one) => {
    const wrapper = (known.get(one) as T | undefined) ?? wrap(one);
    known.set(one, wrapper);
    return wrapper;
  };
}

function shared<T extends object>(wrap: Wrap<T>, known: Map<object, object>): Wrap<T> {
  const remember = remembered(wrap, known);
  return (one) => (Reflect.hasMetadata(ALSO_OURS, one.constructor) ? one : remember(one));
}

/** Nest keeps a holder of those that are made anew for each request. */
function perRequest<T extends object>(wrap: Wrap<T>, known: Map<object, object>): Wrap<InstanceWrapper<T>> {
  const remember = remembered<InstanceWrapper<T>>((holder) => {
    const getInstanceByContextId: InstanceWrapper<T>['getInstanceByContextId'] = (...context) => {
      const made = holder.getInstanceByContextId(...context);
      return made?.instance ? { ...made, instance: wrap(made.instance) } : made;
    };
    return Object.create(holder, { getInstanceByContextId: { value: getInstanceByContextId } });
  }, known);
  return (holder) => (Reflect.hasMetadata(ALSO_OURS, holder.metatype ?? Object) ? holder : remember(holder));
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
