import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import {
  Body,
  type CanActivate,
  Controller,
  Delete,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  Sse,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { interval, map, type Observable } from 'rxjs';
import { Audience } from '../../src/access/audience.js';
import { FederationError } from '../../src/kernel/federation-error.js';
import { currentContext, type RequestContext } from '../../src/kernel/request-context.js';
import { Secret } from '../../src/kernel/secret.js';
import { OcmErrorFilter } from '../../src/ocm/http/ocm-error.filter.js';
import { RawBody } from '../../src/ocm/http/raw-body.js';
import { createFederationAdapter, type FederationAdapter } from '../../src/operations/federation-adapter.js';
import type { RequestLine } from '../../src/operations/logging.js';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';

export const HOST = 'cloud1.localhost:8441';

/** Lets in whoever says `x-known: yes`, as the guards of peers and operators let in whom they know. */
@Injectable()
class KnownOnly implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
    if (request.headers['x-known'] !== 'yes') throw new FederationError('unauthenticated', 'CLIENT_NOT_AUTHENTICATED');
    currentContext().actor = { kind: 'peer', id: 'peer-1' };
    return true;
  }
}

@Controller('things')
@Audience('peer')
@UseGuards(KnownOnly)
class ThingsController {
  static seen = 0;

  @Get()
  list(@Query() query: Record<string, unknown>): { query: Record<string, unknown> } {
    ThingsController.seen++;
    return { query };
  }

  @Get('context')
  async context(): Promise<RequestContext> {
    await pause(5);
    return currentContext();
  }

  @Get('slow')
  async slow(): Promise<{ slow: true }> {
    await pause(400);
    return { slow: true };
  }

  @Sse('stream')
  stream(): Observable<{ data: string }> {
    return interval(30).pipe(map((tick) => ({ data: String(tick) })));
  }

  @Get(':id')
  one(@Param('id') id: string): { id: string } {
    return { id };
  }

  @Post()
  create(@Body() body: unknown): object {
    return described(body);
  }

  @Delete()
  remove(@Body() body: unknown): object {
    return described(body);
  }
}

@Controller('health')
class TinyHealthController {
  @Get('live')
  live(): { status: string } {
    return { status: 'ok' };
  }
}

function described(body: unknown): object {
  if (!(body instanceof RawBody)) return { body: typeof body, requestId: currentContext().requestId };
  const { bytes, tooLarge, contentType } = body;
  return { length: bytes.length, tooLarge, contentType, requestId: currentContext().requestId };
}

@Module({ controllers: [ThingsController, TinyHealthController] })
class TinyModule {}

export interface TinyApp {
  readonly app: NestFastifyApplication;
  readonly adapter: FederationAdapter;
  readonly port: number;
  readonly authority: CertificateAuthority;
  readonly web: IssuedCertificate;
  readonly lines: RequestLine[];
  /** How often the guarded handler ran. */
  handled(): number;
}

export async function startTinyApp(askForClientCertificates = true): Promise<TinyApp> {
  const authority = await CertificateAuthority.create('test roots');
  const web = await authority.issue('cloud1.localhost');
  const lines: RequestLine[] = [];
  const adapter = createFederationAdapter({
    origins: [`https://${HOST}`],
    tls: { certificate: web.certificate, privateKey: new Secret(web.privateKey) },
    askForClientCertificates,
    log: (line) => lines.push(line),
    alone: true,
  });
  const app = await NestFactory.create<NestFastifyApplication>(TinyModule, adapter, {
    logger: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new OcmErrorFilter());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = adapter.getHttpServer().address() as AddressInfo;
  return { app, adapter, port, authority, web, lines, handled: () => ThingsController.seen };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly text: string;
}

export async function open(port: number, options: { cert?: string; key?: string } = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'cloud1.localhost',
    rejectUnauthorized: false,
    ...options,
  });
  socket.on('error', () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends bytes as they are, and reads until the server ends the connection or stays silent for `quietMs`. */
export async function sendRaw(port: number, bytes: string | Buffer, quietMs = 700): Promise<RawAnswer> {
  const socket = await open(port);
  socket.write(bytes);
  return parseAnswer(await readAll(socket, quietMs));
}

export async function readAll(socket: TLSSocket, quietMs = 700): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.setTimeout(quietMs, () => socket.destroy());
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s);
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body, text };
}

/** A request with `Host` and `Connection: close`; header lines as given. */
export function requestText(line: string, headers: readonly string[] = [], body = ''): string {
  return [`${line} HTTP/1.1`, `Host: ${HOST}`, ...headers, 'Connection: close', '', body].join('\r\n');
}
