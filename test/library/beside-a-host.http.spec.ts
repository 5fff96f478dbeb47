import 'reflect-metadata';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Post,
  Scope,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE, HttpAdapterHost, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ForAnyone } from '../../src/access/audience.js';
import { AlsoOnFederationRoutes, createFederationAdapter, isFederationRoute } from '../../src/index.js';
import { type Actor, currentContext } from '../../src/kernel/request-context.js';
import { RawBody } from '../../src/ocm/http/raw-body.js';
import { LeaveGlobalsOut } from '../../src/operations/leave-globals-out.js';
import { LIMITS } from '../../src/operations/limits.js';
import type { RequestLine } from '../../src/operations/logging.js';

class Text {
  text: string;
}

@Controller(['ours', 'also/ours'])
@ForAnyone()
class OurController {
  @Post()
  read(@Body() body: Text): object {
    return { isRaw: body instanceof RawBody };
  }

  @Get('actor')
  actor(): Actor {
    return currentContext().actor;
  }

  @Get(':id')
  one(@Param('id') id: string): object {
    return { id };
  }
}

@Controller('theirs')
class TheirController {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  @Get('actor')
  actor(): Actor {
    return currentContext().actor;
  }

  @Get('around-ours')
  async aroundOurs(): Promise<object> {
    const server = this.host.httpAdapter.getInstance<{ inject(url: string): Promise<{ json(): object }> }>();
    const ours = await server.inject('/ours/actor');
    return { ours: ours.json(), own: currentContext().actor };
  }

  @Post()
  read(@Body() body: Text): object {
    return { body };
  }

  @Get(':id')
  one(@Param('id') id: string): object {
    return { id };
  }

  @Get('ours')
  namedLikeOurs(): object {
    return { theirs: true };
  }
}

/** Made anew for each request, and with it every controller of the application. */
@Injectable({ scope: Scope.REQUEST })
class NobodyPasses implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers['x-let-me'] === 'in';
  }
}

@Injectable({ scope: Scope.REQUEST })
class Shout implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value.toUpperCase() : { shouted: value };
  }
}

@Injectable({ scope: Scope.REQUEST })
class Wrapped implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((wrapped: unknown) => ({ wrapped })));
  }
}

@Injectable()
@AlsoOnFederationRoutes()
class Watch implements NestInterceptor {
  static readonly seen: [string, boolean][] = [];

  intercept(context: ExecutionContext, next: CallHandler) {
    Watch.seen.push([context.getHandler().name, isFederationRoute(context)]);
    return next.handle();
  }
}

@Module({
  controllers: [OurController, TheirController],
  providers: [
    LeaveGlobalsOut,
    { provide: APP_GUARD, useClass: NobodyPasses },
    { provide: APP_PIPE, useClass: Shout },
    { provide: APP_INTERCEPTOR, useClass: Wrapped },
    { provide: APP_INTERCEPTOR, useClass: Watch },
  ],
})
class HostModule {}

const LET_ME_IN = { 'x-let-me': 'in', 'content-type': 'application/json' };

describe('routes of ours beside those of a host', () => {
  let app: NestFastifyApplication;
  const lines: RequestLine[] = [];
  beforeAll(async () => {
    const adapter = createFederationAdapter({
      origins: ['https://cloud1.localhost'],
      askForClientCertificates: false,
      log: (line) => lines.push(line),
    });
    app = await NestFactory.create<NestFastifyApplication>(HostModule, adapter, { logger: false });
    app.setGlobalPrefix('ours');
    // A host that wants no parser but its own.
    app.getHttpAdapter().getInstance().removeAllContentTypeParsers();
    app.useBodyParser('application/json');
    await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => app.close());

  it('are left alone by guards, pipes and interceptors that are made for each request', async () => {
    const ours = await app.inject({ method: 'POST', url: '/ours', payload: '{"text":"a"}', headers: LET_ME_IN });
    expect([ours.statusCode, ours.json()]).toEqual([201, { isRaw: true }]);
    expect((await app.inject('/also/ours/a')).json()).toEqual({ id: 'a' });
    const refused = await app.inject('/ours/theirs/a');
    expect(refused.statusCode).toBe(403);
    const theirs = await app.inject({
      method: 'POST',
      url: '/ours/theirs',
      payload: '{"text":"a"}',
      headers: LET_ME_IN,
    });
    expect(theirs.json()).toEqual({ wrapped: { body: { shouted: { text: 'a' } } } });
    expect((await app.inject({ url: '/ours/theirs/a', headers: LET_ME_IN })).json()).toEqual({ wrapped: { id: 'A' } });
  });

  it('are called by strangers; the host’s own are where the host acts, and calling ours changes nothing of that', async () => {
    const port = (app.getHttpServer().address() as AddressInfo).port;
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: LET_ME_IN });
      return answer.json();
    };
    const [stranger, host] = [
      { kind: 'stranger', id: '' },
      { kind: 'host', id: 'in-process' },
    ];
    expect((await app.inject('/ours/actor')).json()).toEqual(stranger);
    expect(await get('/ours/theirs/actor')).toEqual({ wrapped: host });
    expect(await get('/ours/theirs/around-ours')).toEqual({ wrapped: { ours: stranger, own: host } });
  });

  it('are seen by what says that it wants to, and can be told apart', async () => {
    Watch.seen.length = 0;
    await app.inject('/ours/a');
    await app.inject({ url: '/ours/theirs/a', headers: LET_ME_IN });
    expect(Watch.seen).toEqual([
      ['one', true],
      ['one', false],
    ]);
  });

  it('keep their paths though the prefix of the host is the name of one of them', async () => {
    const theirs = await app.inject({ url: '/ours/theirs/ours', headers: LET_ME_IN });
    expect(theirs.json()).toEqual({ wrapped: { theirs: true } });
    expect((await app.inject('/ours/ours/a')).statusCode).toBe(404);
  });

  it.each([
    ['an address that does not decode', 'GET /% HTTP/1.1', 400, 'MALFORMED'],
    ['a method that is none', 'SING /ours/theirs HTTP/1.1', 400, 'MALFORMED'],
    ['an address in two encodings, on a route of ours', 'GET /ours/%ff%00 HTTP/1.1', 400, '"request"'],
    ['a method that nobody serves', 'PROPFIND /ours/theirs HTTP/1.1', 404, 'Not Found'],
    ['a method that nobody serves, on a route of ours', 'PROPFIND /ours/a HTTP/1.1', 404, 'Not Found'],
  ])('are answered for where there is no route at all: %s', async (_what, line, status, says) => {
    const socket = connect((app.getHttpServer().address() as AddressInfo).port, '127.0.0.1');
    socket.end(`${line}\r\nHost: cloud1.localhost\r\nConnection: close\r\n\r\n`);
    const answer = await text(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(says);
    expect(answer.includes('content-security-policy')).toBe(status === 400);
  });

  it('are not what a broken body was for: the line about our answer names a stranger', async () => {
    lines.length = 0;
    const socket = connect((app.getHttpServer().address() as AddressInfo).port, '127.0.0.1');
    socket.write(
      'POST /ours/theirs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    await vi.waitFor(() => expect(lines).toMatchObject([{ status: 400, actor: { kind: 'stranger', id: '' } }]));
  });

  it('wait no longer for a body than they ever did, while a host may wait for an upload', async () => {
    const server = app.getHttpServer();
    expect([server.requestTimeout, LIMITS.requestTimeout]).toEqual([300_000, 15_000]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const begin = async (path: string) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const heard: Buffer[] = [];
      socket.on('data', (chunk) => heard.push(chunk));
      const arrived = once(server, 'request');
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: cloud1.localhost\r\nContent-Type: application/json\r\nX-Let-Me: in\r\nContent-Length: 9\r\n\r\n{"a"`,
      );
      await arrived;
      return { socket, heard: () => Buffer.concat(heard).toString() };
    };
    const ours = await begin('/ours');
    const theirs = await begin('/ours/theirs');
    vi.advanceTimersByTime(LIMITS.requestTimeout + 1);
    vi.useRealTimers();
    await once(ours.socket, 'close');
    expect(ours.heard()).toMatch(/^HTTP\/1\.1 408 .*\{"message":"REQUEST_TIMEOUT"\}$/s);
    theirs.socket.write(':1}  ');
    await vi.waitFor(() => expect(theirs.heard()).toMatch(/^HTTP\/1\.1 201 /));
    theirs.socket.destroy();
    await pause(0);
  });
});
