import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CONNECTION } from '../persistence/connection.js';
import { DeliverEvent } from './deliver-event.js';
import { EventTeller } from './event-teller.js';
import { NotificationsController } from './notifications.controller.js';
import { ReadNotifications } from './read-notifications.js';
import { ReceiveNotification } from './receive-notification.js';
import { ReceivedNotificationRow } from './received-notification.entity.js';

@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([ReceivedNotificationRow], CONNECTION)],
  controllers: [NotificationsController],
  providers: [ReceiveNotification, ReadNotifications, EventTeller, DeliverEvent],
  exports: [EventTeller],
})
export class NotificationsModule {}
