import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CONNECTION } from '../persistence/connection.js';
import { AttemptDelivery } from './attempt-delivery.js';
import { Claims } from './claims.js';
import { DeliveryRow } from './delivery.entity.js';
import { ForgetCalls } from './forget-calls.js';
import { Handlers } from './handlers.js';
import { Holds } from './holds.js';
import { HostCalls } from './host-calls.js';
import { Inbox } from './inbox.js';
import { LocalWorker } from './local-worker.js';
import { Outbox } from './outbox.js';
import { OutboxBell } from './outbox-bell.js';
import { OutboxWorker } from './outbox-worker.js';
import { TellLocally } from './tell-locally.js';

/** Global: every capability promises peers something. */
@Global()
@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([DeliveryRow], CONNECTION)],
  providers: [
    ...[Outbox, OutboxBell, Handlers, Claims, AttemptDelivery, OutboxWorker, TellLocally, LocalWorker],
    ...[Inbox, HostCalls, ForgetCalls, Holds],
  ],
  exports: [Outbox, Inbox, HostCalls, Holds],
})
export class OutboxModule {}
