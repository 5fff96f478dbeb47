import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OwnCloud } from '../host/own-cloud.js';
import { CONNECTION, SCHEMA } from './connection.js';
import { migrate } from './migrate.js';
import { SnakeCaseColumns } from './naming.js';
import { Transactions } from './transactions.js';

/** One connection, one schema, migrated before anything reads it. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      name: CONNECTION,
      inject: [OwnCloud],
      useFactory: async (cloud: OwnCloud) => {
        const { database } = cloud.options;
        await migrate(database);
        return {
          type: 'postgres' as const,
          url: database.url,
          schema: SCHEMA,
          autoLoadEntities: true,
          entities: database.entities ?? [],
          namingStrategy: new SnakeCaseColumns(),
          applicationName: `entente ${cloud.origin.authority}`,
          poolSize: database.poolSize ?? 10,
          // Waiting is bounded everywhere: a slow database answers 503, it does not pile up requests.
          extra: {
            connectionTimeoutMillis: 2_000,
            statement_timeout: 3_000,
            lock_timeout: 2_000,
            idle_in_transaction_session_timeout: 10_000,
          },
          retryAttempts: 0,
        };
      },
    }),
  ],
  providers: [Transactions],
  exports: [Transactions],
})
export class PersistenceModule {}
