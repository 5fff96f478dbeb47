import 'reflect-metadata';
import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { filesIn, ROOT } from './sources.js';

/** One route, as Nest will register it. */
export interface Route {
  /** `ServicesController.add` */
  readonly handler: string;
  readonly method: string;
  /** Its first spelling, such as `/shares/:id`. */
  readonly path: string;
  /** What a decorator has said of the handler, or else of its controller. */
  metadata(key: string): unknown;
  /** The pipes of its parameters. */
  readonly pipes: readonly unknown[];
}

type Handler = (...args: unknown[]) => unknown;

/** Every route of every controller in `src/`. */
export async function allRoutes(): Promise<Route[]> {
  const modules = await Promise.all(
    filesIn('src', '.controller.ts').map((file) => import(`${ROOT}/${file}`) as Promise<Record<string, unknown>>),
  );
  return modules
    .flatMap((module) => Object.values(module))
    .filter(isController)
    .flatMap(routesOf);
}

function isController(value: unknown): value is Type {
  return typeof value === 'function' && Reflect.hasMetadata(PATH_METADATA, value);
}

function routesOf(controller: Type): Route[] {
  return Object.getOwnPropertyNames(controller.prototype)
    .filter((name) => name !== 'constructor')
    .map((name) => [name, Object.getOwnPropertyDescriptor(controller.prototype, name)?.value as unknown] as const)
    .filter((entry): entry is readonly [string, Handler] => typeof entry[1] === 'function')
    .filter(([, handler]) => Reflect.hasMetadata(METHOD_METADATA, handler))
    .map(([name, handler]) => routeOf(controller, name, handler));
}

function routeOf(controller: Type, name: string, handler: Handler): Route {
  const parameters: Record<string, { pipes?: unknown[] }> =
    Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {};
  return {
    handler: `${controller.name}.${name}`,
    method: RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod],
    path: `/${[pathOf(controller), pathOf(handler)].filter(Boolean).join('/')}`,
    metadata: (key) => Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller),
    pipes: Object.values(parameters).flatMap(({ pipes }) => pipes ?? []),
  };
}

function pathOf(target: object): string {
  const path: string | string[] = Reflect.getMetadata(PATH_METADATA, target) ?? '';
  return (Array.isArray(path) ? (path[0] ?? '') : path).replace(/^\/|\/$/g, '');
}
