import 'reflect-metadata';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, it } from 'vitest';
import {
  type Account,
  AccountDirectory,
  FederatedAddress,
  FederationEvents,
  ResourceProvider,
  Secret,
  SessionIssuer,
} from '../../src/index.js';
import { StandaloneOptions } from '../../src/standalone/standalone-options.js';
import {
  accountDirectoryContract,
  federationEventsContract,
  resourceProviderContract,
  sessionIssuerContract,
} from '../../src/testing/index.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { TestCloud } from '../support/cloud.js';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ name: 'cloud1', authority: await CertificateAuthority.create('Test CA') });
});
afterAll(() => cloud?.stop());

const runner = { describe, it };

accountDirectoryContract(runner, () => {
  const added = new Set<string>();
  const remove = async (id: string) => {
    added.delete(id);
    await cloud.api('DELETE', `/api/v1/accounts/${id}`);
  };
  return {
    directory: cloud.get(AccountDirectory),
    domain: cloud.host,
    add: async ({ name, ...more }) => {
      const account = { username: `${name}@${cloud.host}`, ...more };
      const { id } = await cloud.json<{ id: string }>('POST', '/api/v1/accounts', account);
      added.add(id);
      return id;
    },
    remove,
    close: async () => {
      for (const id of added) await remove(id);
    },
  };
});

resourceProviderContract(runner, () => {
  const account = (name: string): Account => {
    return { id: name, username: FederatedAddress.parse(`${name}@${cloud.host}`), displayName: name };
  };
  const folder = (owner: Account, name: string) =>
    path.join(cloud.get(StandaloneOptions).resourcesDir, owner.username.toString(), name);
  return {
    provider: cloud.get(ResourceProvider),
    owner: account('alice'),
    other: account('bob'),
    add: async (owner) => {
      cloud.makeResource(owner.username.toString(), `plans-of-${owner.id}`);
      return `plans-of-${owner.id}`;
    },
    remove: async (owner, resource) => rmSync(folder(owner, resource), { recursive: true }),
  };
});

sessionIssuerContract(runner, () => ({
  issuer: cloud.get(SessionIssuer),
  isOpen: async (session) => {
    const sql = 'select 1 from federation.foreign_session where id_hash = $1 and ended_at is null';
    return (await cloud.rows(sql, new Secret(session).hash())).length === 1;
  },
}));

federationEventsContract(runner, () => {
  const heard: string[] = [];
  const say = (message: unknown) => heard.push(String(message));
  Logger.overrideLogger({ log: say, error: say, warn: say });
  return {
    events: cloud.get(FederationEvents),
    hasHeard: async (id) => heard.some((line) => line.endsWith(`event ${id}`)),
    close: async () => Logger.overrideLogger(false),
  };
});
