import { type DynamicModule, Module } from '@nestjs/common';
import { AdminSelfController } from './admin-self.controller.js';
import { ApiDocuments } from './api-documents.js';
import { DescribeSelf } from './describe-self.js';
import { DocsController } from './docs.controller.js';
import { HealthController } from './health.controller.js';
import { LeaveGlobalsOut } from './leave-globals-out.js';
import { WatchWebCertificate } from './watch-web-certificate.js';

/** Routes for whose paths a host may have routes of its own: `/health/…`, and `/docs` with `/docs-json`. */
export type OptionalRoutes = 'health' | 'docs';

/** What those who run us need: health, documents, and who we are. Access, trust and persistence are global modules. */
@Module({})
export class OperationsModule {
  static without(left: readonly OptionalRoutes[]): DynamicModule {
    const optional = { health: HealthController, docs: DocsController };
    const kept = (['health', 'docs'] as const).filter((name) => !left.includes(name)).map((name) => optional[name]);
    return {
      module: OperationsModule,
      controllers: [AdminSelfController, ...kept],
      providers: [ApiDocuments, DescribeSelf, LeaveGlobalsOut, WatchWebCertificate],
    };
  }
}
