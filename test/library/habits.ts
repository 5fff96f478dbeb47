import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
  UnauthorizedException,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { FederationError } from '../../src/index.js';

/** Everybody who comes without a session is turned away, wherever they go. */
@Injectable()
class SessionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
    if (headers['x-session'] !== 'alice') throw new UnauthorizedException('please sign in');
    return true;
  }
}

/** Every answer but a page is put into an envelope. */
@Injectable()
class Envelope implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => (typeof data === 'string' ? data : { data })));
  }
}

interface Reply {
  status(code: number): { send(body: object): unknown };
}

/** Every error looks like this. */
@Catch()
class PlatformErrors implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : error instanceof FederationError ? 422 : 500;
    const says = error instanceof Error ? error.message : 'unknown';
    host.switchToHttp().getResponse<Reply>().status(status).send({ platformError: status, says });
  }
}

/** What the platform has made global for its own routes, as it was before it took the federation in. */
export const HABITS = [
  { provide: APP_GUARD, useClass: SessionGuard },
  { provide: APP_INTERCEPTOR, useClass: Envelope },
  { provide: APP_FILTER, useClass: PlatformErrors },
  {
    provide: APP_PIPE,
    useFactory: () =>
      new ValidationPipe({
        whitelist: true,
        forbidNonWhitelisted: true,
        transform: true,
        validateCustomDecorators: true,
      }),
  },
];
