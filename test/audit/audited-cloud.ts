import { randomBytes } from 'node:crypto';
import type { ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AuditModule } from '../../src/audit/audit.module.js';
import { OwnCloud } from '../../src/host/own-cloud.js';
import { Secret } from '../../src/kernel/secret.js';
import { PersistenceModule } from '../../src/persistence/persistence.module.js';

class Options {}

export const BOOTSTRAP_TOKEN = 'bootstrap-token-of-at-least-32-characters';

/** One key for all nodes of a database. */
const SEAL_KEY = randomBytes(32);

/** The modules that keep a trail, and whatever else is wanted. Not initialised: nothing runs by itself. */
export function auditedCloud(
  url: string,
  more: ModuleMetadata['imports'] = [],
  migrationUrl = url,
): Promise<TestingModule> {
  const cloud = new OwnCloud({
    publicOrigin: 'https://cloud1.localhost:8441',
    database: { url, migrationUrl },
    sealKey: SEAL_KEY,
    adminToken: new Secret(BOOTSTRAP_TOKEN),
  });
  return Test.createTestingModule({
    imports: [
      { module: Options, global: true, providers: [{ provide: OwnCloud, useValue: cloud }], exports: [OwnCloud] },
      PersistenceModule,
      AuditModule,
      ...more,
    ],
  })
    .setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined })
    .compile();
}
