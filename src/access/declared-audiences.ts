import type { FactoryProvider, OnModuleInit, Type } from '@nestjs/common';
import { GUARDS_METADATA, METHOD_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { AUDIENCE } from './audience.js';

type Handler = (...args: unknown[]) => unknown;

/** A route does not say whom it answers, or answers somebody in particular without a guard. */
class AudienceMissing extends Error {
  constructor(routes: readonly string[]) {
    super(`no decorator says whom these routes answer, or none brings a guard along: ${routes.join(', ')}`);
    this.name = 'AudienceMissing';
  }
}

/**
 * Keeps an application from starting if one of our routes was left open by mistake. Controllers of a host are its own
 * business: only those of the modules that are named are looked at.
 */
class DeclaredAudiences implements OnModuleInit {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly ours: readonly Type[],
  ) {}

  /** @throws AudienceMissing, naming the handlers */
  onModuleInit(): void {
    const open = [...this.modules.values()]
      .filter(({ metatype }) => this.ours.includes(metatype))
      .flatMap(({ controllers }) => [...controllers.values()])
      .flatMap(({ metatype }) => (typeof metatype === 'function' ? openRoutesOf(metatype as Type) : []));
    if (open.length > 0) throw new AudienceMissing(open);
  }
}

/** For the module that imports these. */
export function declaredAudiencesOf(ours: readonly Type[]): FactoryProvider {
  return {
    provide: DeclaredAudiences,
    inject: [ModulesContainer],
    useFactory: (modules: ModulesContainer) => new DeclaredAudiences(modules, ours),
  };
}

function openRoutesOf(controller: Type): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(controller.prototype as object))
    .filter(([, { value }]) => typeof value === 'function' && Reflect.hasMetadata(METHOD_METADATA, value))
    .filter(([, { value }]) => isOpen(controller, value as Handler))
    .map(([name]) => `${controller.name}.${name}`);
}

function isOpen(controller: Type, handler: Handler): boolean {
  const said = (key: string): unknown => Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller);
  const audience = said(AUDIENCE);
  return audience === undefined || (audience !== 'anyone' && said(GUARDS_METADATA) === undefined);
}
