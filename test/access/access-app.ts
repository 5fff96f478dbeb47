import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Controller, Get, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessModule } from '../../src/access/access.module.js';
import { ForAnyone, ForHost, ForOperator } from '../../src/access/audience.js';
import { type Actor, currentContext } from '../../src/kernel/request-context.js';
import { createFederationAdapter } from '../../src/operations/federation-adapter.js';
import { auditedCloud, BOOTSTRAP_TOKEN } from '../audit/audited-cloud.js';

@Controller('host-route')
@ForHost()
class HostRoute {
  @Get()
  read(): Actor {
    return currentContext().actor;
  }
}

@Controller('operator-route')
@ForOperator()
class OperatorRoute {
  @Get()
  read(): Actor {
    return currentContext().actor;
  }

  @Post()
  change(): Actor {
    return currentContext().actor;
  }
}

@Controller('open-route')
@ForAnyone()
class OpenRoute {
  @Get()
  read(): string {
    return 'hello';
  }
}

@Module({ controllers: [HostRoute, OperatorRoute, OpenRoute] })
class Routes {}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** What the JSON says, as the test expects it. */
  json<T>(): T;
}

export interface CallOptions {
  /** The bootstrap token by default; null sends none. */
  readonly token?: string | null;
  /** Name, value, name, value … */
  readonly headers?: readonly string[];
  readonly body?: unknown;
}

export interface AccessApp {
  readonly app: NestFastifyApplication;
  call(line: string, options?: CallOptions): Promise<Answer>;
}

/** The access module and three routes, as they are served. */
export async function startAccessApp(url: string): Promise<AccessApp> {
  const cloud = await auditedCloud(url, [AccessModule, Routes]);
  const adapter = createFederationAdapter({
    origins: ['https://cloud1.localhost:8441'],
    askForClientCertificates: false,
    log: () => undefined,
  });
  const app = cloud.createNestApplication<NestFastifyApplication>(adapter, { logger: false });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = adapter.getHttpServer().address() as AddressInfo;
  return { app, call: (line, options) => call(port, line, options) };
}

async function call(port: number, line: string, options: CallOptions = {}): Promise<Answer> {
  const [method, path] = line.split(' ');
  const { token = BOOTSTRAP_TOKEN, headers = [], body } = options;
  const sent = ['Host', 'cloud1.localhost:8441', 'Connection', 'close', ...headers];
  if (token !== null) sent.push('Authorization', `Bearer ${token}`);
  const payload = body === undefined ? '' : JSON.stringify(body);
  if (payload) sent.push('Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(payload)));
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers: sent });
  outgoing.end(payload);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const answer = await text(incoming);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text: answer, json: () => JSON.parse(answer) };
}
