import type { INestApplication } from '@nestjs/common';
import { type AbstractHttpAdapter, ApplicationConfig, type ModulesContainer } from '@nestjs/core';
import { federationPaths } from '../access/federation-route.js';

/**
 * The application as far as it is ours, for @nestjs/swagger, which reads modules, configuration and the type of the
 * adapter and nothing else: our controllers alone, without prefix and versions of a host's routes. So no class of a host
 * gets into our documents, nor hides one of ours that has the same name.
 */
export function ownRoutesOf(modules: ModulesContainer, adapter: AbstractHttpAdapter): INestApplication {
  const ours = [...modules.entries()].map(([key, { metatype, controllers }]) => {
    const kept = [...controllers].filter(
      ([, { metatype: controller }]) => controller && hasOwnRoute(controller.prototype),
    );
    return [key, { metatype, controllers: new Map(kept), imports: new Set() }] as const;
  });
  const container = { getModules: () => new Map(ours), isGlobalModule: () => false };
  const application = { container, config: new ApplicationConfig(), getHttpAdapter: () => adapter };
  return application as unknown as INestApplication;
}

function hasOwnRoute(prototype: object): boolean {
  return Object.values(Object.getOwnPropertyDescriptors(prototype)).some(
    ({ value }) => typeof value === 'function' && federationPaths(value) !== undefined,
  );
}
