import path from 'node:path';
import { type DynamicModule, Module } from '@nestjs/common';
import { FederationModule, type FederationOptions, type RunningFederation, startFederationServer } from '../index.js';
import { CertificateFiles } from './certificate-files.js';
import { type DevelopmentCertificate, keepDevelopmentCertificate } from './development-certificates.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';
import { domainsOf, type Environment, federationOptions } from './environment.js';
import { adminTokenFile, keepAdminToken, keepSealKey, sealKeyFile } from './first-start.js';
import { STANDALONE_MIGRATIONS } from './migrations.js';
import { makeDataDir, replacePrivately } from './private-files.js';
import { AccountsModule, STANDALONE_ENTITIES, StandaloneModule } from './standalone.module.js';
import { StandaloneOptions } from './standalone-options.js';

/** A server without a host application, with everything that was started for it. */
export interface RunningStandalone {
  readonly federation: RunningFederation;
  /** Where the admin token lies; undefined if it was given as text. */
  readonly adminTokenFile?: string;
  /** Set if the web certificate is one for development. */
  readonly developmentCertificate?: DevelopmentCertificate;
  /** Reads the files of certificates at once instead of within 2 s; connections stay open. Never rejects. */
  reload(): Promise<void>;
  /** Ends the server, then its database. */
  stop(): Promise<void>;
}

@Module({})
class StandaloneServer {
  static of(...imports: DynamicModule[]): DynamicModule {
    return { module: StandaloneServer, imports };
  }
}

/** Makes what is missing in the data directory, starts the database if there is none, then the server. */
export async function startStandalone(environment: Environment): Promise<RunningStandalone> {
  const { dataDir, origin, settings } = environment;
  makeDataDir(dataDir);
  const sealKey = environment.sealKey ?? keepSealKey(dataDir);
  const adminToken = environment.adminToken ?? keepAdminToken(dataDir);
  const needsCertificate = !environment.web && settings.TLS_MODE === 'direct';
  const developmentCertificate = needsCertificate ? await keepDevelopmentCertificate(dataDir, origin.host) : undefined;
  const web = environment.web ?? developmentCertificate;
  const database = await openDatabase(environment);
  const options: FederationOptions = {
    ...federationOptions(environment),
    database: { ...database.options, entities: STANDALONE_ENTITIES, migrations: STANDALONE_MIGRATIONS },
    sealKey,
    sealKeyHint: `Copy the seal key file of the node that made this database to ${settings.SEAL_KEY_FILE ?? sealKeyFile(dataDir)}.`,
    adminToken,
  };
  try {
    const federation = await startFederationServer(serverModule(environment, options), {
      federation: options,
      listen: environment.listen,
      web,
      logLevel: settings.LOG_LEVEL,
    });
    // For operators and scripts to look at; the one that counts lies sealed in the database.
    replacePrivately(path.join(dataDir, 'federation.crt'), federation.describe().federationCertificate);
    const files = new CertificateFiles(environment, federation, web);
    const stop = async () => {
      await files.stop();
      await federation.stop();
      await database.stop();
    };
    return {
      federation,
      adminTokenFile: tokenFile(environment),
      developmentCertificate,
      reload: () => files.reload(),
      stop,
    };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

function serverModule(environment: Environment, options: FederationOptions): DynamicModule {
  const resourcesDir = environment.settings.RESOURCES_DIR ?? path.join(environment.dataDir, 'resources');
  const standalone = new StandaloneOptions(domainsOf(environment), resourcesDir);
  const federation = FederationModule.forRoot({ ...options, ports: StandaloneModule.ports(standalone) });
  return StandaloneServer.of(federation, AccountsModule.above(federation, standalone));
}

interface OpenDatabase {
  readonly options: Pick<FederationOptions['database'], 'url' | 'migrationUrl'>;
  stop(): Promise<void>;
}

async function openDatabase({ settings, dataDir }: Environment): Promise<OpenDatabase> {
  if (settings.DATABASE_URL !== undefined) {
    const options = { url: settings.DATABASE_URL, migrationUrl: settings.MIGRATION_DATABASE_URL };
    return { options, stop: () => Promise.resolve() };
  }
  const { url, stop } = await startEmbeddedPostgres({ dataDir });
  return { options: { url }, stop };
}

function tokenFile({ settings, dataDir }: Environment): string | undefined {
  return settings.ADMIN_TOKEN ? undefined : (settings.ADMIN_TOKEN_FILE ?? adminTokenFile(dataDir));
}
