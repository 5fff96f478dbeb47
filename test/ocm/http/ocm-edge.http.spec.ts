import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Logger,
  Module,
  Post,
  UseGuards,
} from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { IsString } from 'class-validator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FederationError } from '../../../src/kernel/federation-error.js';
import { Origin } from '../../../src/kernel/origin.js';
import { JsonBody } from '../../../src/ocm/http/json-body.pipe.js';
import { OcmNotification, OcmShare } from '../../../src/ocm/http/ocm-body.pipe.js';
import { ApiNotificationBody, ApiShareBody } from '../../../src/ocm/http/ocm-docs.js';
import { OcmErrorFilter } from '../../../src/ocm/http/ocm-error.filter.js';
import { OcmMount, OcmPage } from '../../../src/ocm/http/ocm-page.pipe.js';
import { acceptRawBodies } from '../../../src/ocm/http/raw-body.js';
import type { AuthenticatedCaller } from '../../../src/ocm/http/request.js';
import { NotificationMessage } from '../../../src/ocm/notification.js';
import { ShareOffer } from '../../../src/ocm/share-offer.js';
import { payload } from '../support.js';

class CallerNamedInHeader implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request: { headers: Record<string, string>; federationPeer?: AuthenticatedCaller } = context
      .switchToHttp()
      .getRequest();
    const host = request.headers['x-caller'];
    if (!host) throw new FederationError('unauthenticated', 'CLIENT_NOT_AUTHENTICATED');
    request.federationPeer = { origin: Origin.parse(`https://${host}`) };
    return true;
  }
}

class AddService {
  @IsString()
  url: string;
}

@Controller(['shares', 'ocm/shares'])
class SharesController {
  @Post()
  @UseGuards(CallerNamedInHeader)
  @ApiShareBody()
  create(@OcmShare() offer: ShareOffer, @OcmMount() mount: string): object {
    return { mount, isOffer: offer instanceof ShareOffer, owner: offer.owner.toString() };
  }

  @Get()
  list(@OcmPage() page: number): object {
    return { page };
  }
}

@Controller('notifications')
class NotificationsController {
  @Post()
  @UseGuards(CallerNamedInHeader)
  @ApiNotificationBody()
  create(@OcmNotification() message: NotificationMessage): object {
    return { isMessage: message instanceof NotificationMessage, type: message.type };
  }

  @Post('unguarded')
  unguarded(@OcmNotification() _message: NotificationMessage): void {
    throw new Error('a body was read for nobody');
  }
}

@Controller('services')
class ServicesController {
  @Post()
  @HttpCode(201)
  add(@Body(JsonBody.of(AddService)) body: AddService): object {
    return { isBody: body instanceof AddService };
  }

  @Get('broken')
  broken(): never {
    throw new Error('select * from secrets');
  }
}

class RememberingLogger extends Logger {
  static readonly lines: string[] = [];

  override error(message: string, error: unknown): void {
    RememberingLogger.lines.push(`${message}, ${error}`);
  }
}

@Module({
  controllers: [SharesController, NotificationsController, ServicesController],
  providers: [
    { provide: Logger, useClass: RememberingLogger },
    { provide: APP_FILTER, useClass: OcmErrorFilter },
  ],
})
class EdgeModule {}

describe('the edge of the protocol', () => {
  let app: NestFastifyApplication;
  const json = { 'content-type': 'application/json' };
  const caller = { ...json, 'x-caller': 'cloud1.de' };
  const post = (url: string, body: unknown, headers: Record<string, string>) =>
    app.inject({ method: 'POST', url, headers, payload: typeof body === 'string' ? body : JSON.stringify(body) });

  beforeAll(async () => {
    const adapter = new FastifyAdapter();
    acceptRawBodies(adapter.getInstance());
    app = await NestFactory.create<NestFastifyApplication>(EdgeModule, adapter, { bodyParser: false, logger: false });
    await app.init();
  });
  beforeEach(() => {
    RememberingLogger.lines.length = 0;
  });
  afterAll(() => app.close());

  it('hands an offer to the route as what it means', async () => {
    const answer = await post('/shares', payload('plain-share-opaque-names'), caller);
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toEqual({ mount: '', isOffer: true, owner: 'alice@cloud1.de' });
    expect((await post('/ocm/shares', payload('powerfolder-share'), caller)).json().mount).toBe('/ocm');
  });

  it('hands a notification to the route', async () => {
    const answer = await post('/notifications', payload('notification-share-removed'), caller);
    expect(answer.json()).toEqual({ isMessage: true, type: 'SHARE_REMOVED' });
  });

  it.each([
    ['no JSON', 'text/plain', 'x'],
    ['a malformed media type', 'json', '{}'],
    ['broken JSON', 'application/json', '{'],
    ['too much', 'application/json', `"${'x'.repeat(70_000)}"`],
    ['a valid share', 'application/json', JSON.stringify(payload('powerfolder-share'))],
  ])('tells a stranger nothing about a body: %s', async (_what, contentType, body) => {
    const answer = await post('/shares', body, { 'content-type': contentType });
    expect(answer.statusCode).toBe(401);
    expect(answer.payload).toBe('{"message":"CLIENT_NOT_AUTHENTICATED"}');
    expect(answer.headers.connection).toBe('close');
  });

  it.each([
    ['text/plain', '{}', 415, { message: 'UNSUPPORTED_MEDIA_TYPE' }],
    ['json', '{}', 415, { message: 'UNSUPPORTED_MEDIA_TYPE' }],
    ['application/json', `"${'x'.repeat(70_000)}"`, 413, { message: 'PAYLOAD_TOO_LARGE' }],
    [
      'application/json',
      '{"a":1,"a":2}',
      400,
      { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'body', message: 'DUPLICATE_KEY' }] },
    ],
    [
      'application/json',
      JSON.stringify(payload('powerfolder-share', { name: 7 })),
      400,
      { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'name', message: 'INVALID' }] },
    ],
    [
      'application/json',
      JSON.stringify(payload('plain-share', { protocol: { name: 'other', options: {} } })),
      501,
      { message: 'PROTOCOL_NOT_SUPPORTED' },
    ],
  ])('tells a caller what is wrong: %s', async (contentType, body, status, expected) => {
    const answer = await post('/shares', body, { ...caller, 'content-type': contentType });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual(expected);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('reads nothing on a route that has no guard of peers', async () => {
    expect((await post('/notifications/unguarded', { type: 'X' }, json)).statusCode).toBe(401);
  });

  it('reads bodies of other routes into their class, and refuses what it does not declare', async () => {
    expect((await post('/services', { url: 'https://b.de' }, json)).json()).toEqual({ isBody: true });
    const answer = await post('/services', { url: 'https://b.de', role: 'admin' }, json);
    expect(answer.json().validationErrors).toEqual([{ name: 'role', message: 'UNKNOWN' }]);
  });

  it.each([
    ['', 1],
    ['?page=1', 1],
    ['?page=50&other=x', 50],
  ])('takes the page %s', async (query, page) => {
    expect((await app.inject(`/shares${query}`)).json()).toEqual({ page });
  });

  it.each(['0', '-1', 'abc', '', '1.5', '1e3', '+1', '01', ' 1', '9223372036854775808', '1&page=2'])(
    'refuses the page %s',
    async (page) => {
      const answer = await app.inject(`/shares?page=${page}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().validationErrors).toEqual([{ name: 'page', message: 'INVALID' }]);
    },
  );

  it('refuses a page in brackets', async () => {
    expect((await app.inject('/shares?page[]=1')).statusCode).toBe(400);
  });

  it('spells an unknown route like everything else', async () => {
    const answer = await app.inject('/nowhere');
    expect(answer.statusCode).toBe(404);
    expect(answer.payload).toBe('{"message":"RESOURCE_NOT_FOUND"}');
  });

  it('keeps the text of a failure for the log', async () => {
    const answer = await app.inject('/services/broken');
    expect(answer.statusCode).toBe(500);
    expect(answer.payload).toBe('{"message":"INTERNAL_ERROR"}');
    expect(RememberingLogger.lines.join()).toMatch(/^request \S+ answered 500: Error, Error: select/);
  });
});
