import type { IncomingMessage } from 'node:http';
import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { OwnCloud } from '../host/own-cloud.js';
import { FederationError } from '../kernel/federation-error.js';
import { currentContext } from '../kernel/request-context.js';
import { BEARER } from './bearer.strategy.js';
import { type Credential, Credentials } from './credentials.js';
import type { Role } from './role.js';

/** Metadata: which role the route asks for. */
export const REQUIRED_ROLE = 'entente:role';
type RequiredRole = Exclude<Role, 'auditor'>;

interface BearerRequest {
  readonly method: string;
  readonly raw: IncomingMessage;
  readonly credential?: Credential;
}

/** Lets in whoever shows a token of the route's role, and notes them as the actor of what follows. */
@Injectable()
export class BearerGuard extends AuthGuard(BEARER) {
  constructor(
    private readonly credentials: Credentials,
    private readonly reflector: Reflector,
    private readonly refusals: RefusalCounter,
    private readonly cloud: OwnCloud,
  ) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await super.canActivate(context);
    const { credential, method, raw } = this.getRequest(context) as BearerRequest;
    const required = this.reflector.getAllAndOverride<RequiredRole>(REQUIRED_ROLE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!credential || !allows(credential, required, method)) {
      this.refusals.count('role-not-allowed', this.cloud.addressOf(raw));
      throw new FederationError('forbidden', 'NOT_ALLOWED', {
        internal: `token ${credential?.id} has not the role ${required}`,
      });
    }
    currentContext().actor = { kind: required, id: credential.id };
    return true;
  }

  override getAuthenticateOptions(): { property: string; session: false; credentials: Credentials } {
    return { property: 'credential', session: false, credentials: this.credentials };
  }

  /** Passport's last word. */
  override handleRequest<T>(
    error: unknown,
    credential: T | false | undefined,
    _info: unknown,
    context: ExecutionContext,
  ): T {
    if (error) throw error;
    if (credential) return credential;
    context
      .switchToHttp()
      .getResponse<{ header(name: string, value: string): unknown }>()
      .header('WWW-Authenticate', 'Bearer');
    this.refusals.count('no-valid-token', this.cloud.addressOf((this.getRequest(context) as BearerRequest).raw));
    throw new FederationError('unauthenticated', 'CLIENT_NOT_AUTHENTICATED', { internal: 'no valid bearer token' });
  }
}

/** Auditors read what operators see. */
function allows({ roles }: Credential, required: RequiredRole, method: string): boolean {
  const reads = method === 'GET' || method === 'HEAD';
  return roles.includes(required) || (required === 'operator' && reads && roles.includes('auditor'));
}
