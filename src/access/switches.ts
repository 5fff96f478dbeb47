import { applyDecorators, type CanActivate, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiResponse } from '@nestjs/swagger';
import { OwnCloud } from '../host/own-cloud.js';
import { FederationError } from '../kernel/federation-error.js';
import { ErrorBodyDto } from '../ocm/http/error-body.dto.js';

/** What an operator can switch off as a whole. */
export type Switch = 'federation' | 'sharing';

/** The capability is switched off here. */
class CapabilityOff extends FederationError {
  constructor() {
    super('not-offered', 'NOT_ENABLED');
  }
}

/** @throws FederationError `NOT_ENABLED`. Without federation there is no sharing either. */
export function checkSwitch({ switches }: OwnCloud, needed: Switch): void {
  if (!switches.federation || !switches[needed]) throw new CapabilityOff();
}

const NeededSwitch = Reflector.createDecorator<Switch>();

@Injectable()
class SwitchGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly cloud: OwnCloud,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    checkSwitch(this.cloud, this.reflector.get(NeededSwitch, context.getHandler()));
    return true;
  }
}

/**
 * The route begins or changes something of a capability that can be switched off. Reading, and ending what there is, stay
 * open without it.
 */
export function NeedsSwitch(needed: Switch): MethodDecorator {
  return applyDecorators(
    NeededSwitch(needed),
    UseGuards(SwitchGuard),
    ApiResponse({ status: 501, type: ErrorBodyDto, description: '`NOT_ENABLED`: switched off here' }),
  );
}
