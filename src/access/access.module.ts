import { Global, Module } from '@nestjs/common';
import { AlertsController } from './alerts/alerts.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { BearerStrategy } from './bearer.strategy.js';
import { Credentials } from './credentials.js';
import { IssueToken } from './tokens/issue-token.js';
import { ListTokens } from './tokens/list-tokens.js';
import { RevokeToken } from './tokens/revoke-token.js';
import { TokensController } from './tokens/tokens.controller.js';

/** Global, because the guard that `@ForOperator()` and `@ForHost()` bring along is built in the module of each controller. */
@Global()
@Module({
  controllers: [TokensController, AlertsController, AuditController],
  providers: [BearerStrategy, Credentials, IssueToken, ListTokens, RevokeToken],
  exports: [Credentials],
})
export class AccessModule {}
