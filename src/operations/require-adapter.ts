import type { HttpAdapterHost } from '@nestjs/core';
import { FederationAdapter } from './federation-adapter.js';

/** What the application was made with does not do what our routes need. */
class AdapterRefused extends Error {
  constructor(found: string) {
    super(
      `FederationModule needs the adapter of createFederationAdapter(options): NestFactory.create(AppModule, adapter). ` +
        `This application has ${found}, which asks nobody for a client certificate and reads bodies before the guards.`,
    );
    this.name = 'AdapterRefused';
  }
}

/** An application without HTTP, such as a command of the host, serves no routes and needs none. @throws AdapterRefused */
export function requireAdapter({ httpAdapter }: Pick<HttpAdapterHost, 'httpAdapter'>): void {
  const type = httpAdapter?.getType?.();
  if (type && !(httpAdapter instanceof FederationAdapter)) throw new AdapterRefused(httpAdapter.constructor.name);
}
