import { Body, Controller, Get, Header, Injectable, Module, Post, VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AccountDirectory,
  createFederationAdapter,
  type FederationAdapterOptions,
  type FederationEvent,
  FederationEvents,
  FederationModule,
  type FederationOptions,
  type ForeignIdentity,
  type Origin,
  ResourceProvider,
  SessionIssuer,
} from '../../src/index.js';
import { Folder, FoldersController, FoldersModule, PlatformResources } from './folders.js';
import { HABITS } from './habits.js';
import { PeopleModule, Person, PlatformAccounts, PlatformDomain } from './people.js';

/** What the platform has heard of, and would tell its people. */
@Injectable()
export class Heard extends FederationEvents {
  readonly events: FederationEvent[] = [];

  override async tell(event: FederationEvent): Promise<void> {
    this.events.push(event);
  }
}

@Injectable()
class Sessions extends SessionIssuer {
  readonly ended: string[] = [];

  override async open({ subject }: ForeignIdentity): Promise<string> {
    return `session of ${subject}`;
  }

  override async endAllFrom(home: Origin): Promise<void> {
    this.ended.push(home.toString());
  }
}

/** Pages and forms, which have nothing to do with sharing. */
@Controller()
class SiteController {
  @Get('page')
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return '<script>window.platform = 1</script>';
  }

  @Post('contact')
  contact(@Body() form: Record<string, unknown>): object {
    return { form };
  }

  @Post('table')
  table(@Body() rows: unknown): object {
    return { rows };
  }

  @Get('crash')
  crash(): never {
    throw new Error('the platform fell over');
  }
}

/** The platform's own settings, of which the federation's are made. */
export class PlatformSettings {
  constructor(
    readonly domain: string,
    readonly databaseUrl: string,
    readonly federation: FederationOptions,
  ) {}
}

function platformModule(settings: PlatformSettings) {
  @Module({ providers: [{ provide: PlatformSettings, useValue: settings }], exports: [PlatformSettings] })
  class SettingsModule {}

  @Module({
    imports: [PeopleModule, FoldersModule],
    providers: [
      { provide: PlatformDomain, useValue: new PlatformDomain(settings.domain) },
      { provide: AccountDirectory, useClass: PlatformAccounts },
      { provide: ResourceProvider, useClass: PlatformResources },
      { provide: SessionIssuer, useClass: Sessions },
      { provide: FederationEvents, useClass: Heard },
    ],
    exports: [AccountDirectory, ResourceProvider, SessionIssuer, FederationEvents],
  })
  class FederationPorts {}

  const database = TypeOrmModule.forRoot({
    type: 'postgres',
    url: settings.databaseUrl,
    schema: 'platform',
    entities: [Person, Folder],
    synchronize: true,
    poolSize: 2,
  });
  const federation = FederationModule.forRootAsync({
    imports: [SettingsModule],
    inject: [PlatformSettings],
    useFactory: ({ federation }: PlatformSettings) => federation,
    ports: { module: FederationPorts },
  });

  @Module({ imports: [FoldersModule, federation], controllers: [FoldersController] })
  class SharingFeature {}

  @Module({
    imports: [database, PeopleModule, FoldersModule, federation, SharingFeature],
    controllers: [SiteController],
    providers: HABITS,
  })
  class Platform {}
  return Platform;
}

/** Starts the platform on a port, with everything that a grown application has set up for itself. */
export async function startPlatform(
  settings: PlatformSettings,
  listening: FederationAdapterOptions & { readonly port: number },
): Promise<NestFastifyApplication> {
  const adapter = createFederationAdapter(listening);
  const app = await NestFactory.create<NestFastifyApplication>(platformModule(settings), adapter, {
    logger: false,
    abortOnError: false,
  });
  app.setGlobalPrefix('site');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '3' });
  app.getHttpAdapter().getInstance().addContentTypeParser('text/csv', { parseAs: 'string' }, readTable);
  const describe = () => SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('The platform').build());
  SwaggerModule.setup('site/api', app, describe);
  await app.listen({ host: '127.0.0.1', port: listening.port });
  return app;
}

async function readTable(_request: unknown, text: string | Buffer): Promise<string[][]> {
  return String(text)
    .split('\n')
    .map((line) => line.split(','));
}
