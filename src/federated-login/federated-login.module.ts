import { Module } from '@nestjs/common';
import { EndForeignSessions } from './end-foreign-sessions.js';

@Module({ providers: [EndForeignSessions] })
export class FederatedLoginModule {}
