import { Module } from '@nestjs/common';
import { AdminSelfController } from './admin-self.controller.js';
import { ApiDocuments } from './api-documents.js';
import { DescribeSelf } from './describe-self.js';
import { DocsController } from './docs.controller.js';
import { HealthController } from './health.controller.js';

/** What those who run us need: health, documents, and who we are. Access, trust and persistence are global modules. */
@Module({
  controllers: [HealthController, DocsController, AdminSelfController],
  providers: [ApiDocuments, DescribeSelf],
})
export class OperationsModule {}
