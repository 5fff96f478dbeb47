import { type ExecutionContext, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { ApiExtension } from '@nestjs/swagger';

/** In an OpenAPI operation: whom the route answers. */
export const AUDIENCE_EXTENSION = 'x-entente-audience';
const CONTROLLER = 'entente:controller';

type Handler = (...args: unknown[]) => unknown;

/**
 * Whether a handler belongs to the federation tier, and not to the host that took it in: for guards, interceptors and
 * the like that look at every route of an application.
 */
export function isFederationRoute(context: Pick<ExecutionContext, 'getHandler'>): boolean {
  const handler: unknown = context.getHandler();
  return typeof handler === 'function' && Reflect.hasMetadata(CONTROLLER, handler);
}

/** Marks the handlers that a decorator stands on: one, or those of a class that have not been marked by themselves. */
export function markRoutes(audience: string, target: object, descriptor?: PropertyDescriptor): void {
  if (descriptor) markRoute(audience, target.constructor, descriptor.value as Handler);
  else {
    for (const handler of handlersOf(target as Type)) {
      if (!Reflect.hasMetadata(CONTROLLER, handler)) markRoute(audience, target, handler);
    }
  }
}

/**
 * The paths of a handler as its controller spells them, such as `/shares` and `/ocm/shares`; undefined if it is none of
 * the federation tier's. What Nest hands to its adapter instead of the handler has the same metadata.
 */
export function federationPaths(handler: object): string[] | undefined {
  const controller: object | undefined = Reflect.getMetadata(CONTROLLER, handler);
  return (
    controller &&
    pathsOf(controller).flatMap((base) => pathsOf(handler).map((path) => `/${[base, path].filter(Boolean).join('/')}`))
  );
}

/** A host's versions are not ours: our paths name theirs themselves (`/api/v1`), and peers know of none. */
function markRoute(audience: string, controller: object, handler: Handler): void {
  Reflect.defineMetadata(CONTROLLER, controller, handler);
  Reflect.defineMetadata(VERSION_METADATA, VERSION_NEUTRAL, handler);
  ApiExtension(AUDIENCE_EXTENSION, audience)(controller, handler.name, { value: handler });
}

function handlersOf({ prototype }: Type): Handler[] {
  return Object.getOwnPropertyNames(prototype)
    .map((name) => Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown)
    .filter((value): value is Handler => typeof value === 'function' && Reflect.hasMetadata(METHOD_METADATA, value));
}

function pathsOf(target: object): string[] {
  const path: string | string[] = Reflect.getMetadata(PATH_METADATA, target) ?? '';
  return (Array.isArray(path) ? path : [path]).map((each) => each.replace(/^\/|\/$/g, ''));
}
