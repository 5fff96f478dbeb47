import { type DynamicModule, Module } from '@nestjs/common';
import { AccountDirectory, FederationEvents, ResourceProvider, SessionIssuer } from '../index.js';
import { AccountEmail, AccountRecord } from './accounts/account.entity.js';
import { AccountAddresses } from './accounts/account-addresses.js';
import { AccountViews } from './accounts/account-views.js';
import { AccountsController } from './accounts/accounts.controller.js';
import { ChangeAccount } from './accounts/change-account.js';
import { CreateAccount } from './accounts/create-account.js';
import { DeleteAccount } from './accounts/delete-account.js';
import { HoldAccount } from './accounts/hold-account.js';
import { ListAccounts } from './accounts/list-accounts.js';
import { ReadAccount } from './accounts/read-account.js';
import { TableAccountDirectory } from './accounts/table-account-directory.js';
import { AccountStore } from './accounts/transfer/account-store.js';
import { ExportAccounts } from './accounts/transfer/export-accounts.js';
import { FullExportController } from './accounts/transfer/full-export.controller.js';
import { ImportAccounts } from './accounts/transfer/import-accounts.js';
import { ImportedPasswords } from './accounts/transfer/imported-passwords.js';
import { TransferController } from './accounts/transfer/transfer.controller.js';
import { FolderResourceProvider } from './folder-resource-provider.js';
import { LogFederationEvents } from './log-federation-events.js';
import { ForeignSession } from './sessions/foreign-session.entity.js';
import { TableSessionIssuer } from './sessions/table-session-issuer.js';
import { StandaloneOptions } from './standalone-options.js';

/** Tables of the adapters, which lie in the federation's database so that they can join its transactions. */
export const STANDALONE_ENTITIES = [AccountRecord, AccountEmail, ForeignSession];

const ACTS = [CreateAccount, ListAccounts, ReadAccount, ChangeAccount, DeleteAccount, ImportAccounts, ExportAccounts];
const HELPERS = [AccountAddresses, AccountViews, HoldAccount, AccountStore, ImportedPasswords];

/** The adapters of every port, for a server without a host application. */
@Module({})
export class StandaloneModule {
  /** The four ports: what `FederationModule` asks a host for. */
  static ports(options: StandaloneOptions): DynamicModule {
    return {
      module: StandaloneModule,
      providers: [
        { provide: StandaloneOptions, useValue: options },
        { provide: AccountDirectory, useClass: TableAccountDirectory },
        { provide: ResourceProvider, useClass: FolderResourceProvider },
        { provide: SessionIssuer, useClass: TableSessionIssuer },
        { provide: FederationEvents, useClass: LogFederationEvents },
      ],
      exports: [StandaloneOptions, AccountDirectory, ResourceProvider, SessionIssuer, FederationEvents],
    };
  }
}

/** The accounts API, above the federation: deleting an account ends its shares. */
@Module({})
export class AccountsModule {
  static above(federation: DynamicModule, options: StandaloneOptions): DynamicModule {
    return {
      module: AccountsModule,
      imports: [federation],
      controllers: [TransferController, FullExportController, AccountsController],
      providers: [{ provide: StandaloneOptions, useValue: options }, ...HELPERS, ...ACTS],
    };
  }
}
