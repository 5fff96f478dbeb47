import type { HttpAdapterHost } from '@nestjs/core';
import { OptionRefused } from '../host/own-cloud.js';
import type { ProxyOptions } from '../host/trusted-proxy.js';
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

/** Who ends TLS must be said to both: else every peer is a stranger, or every caller the proxy. @throws OptionRefused */
export function requireSameProxy(
  { httpAdapter }: Pick<HttpAdapterHost, 'httpAdapter'>,
  { proxy }: { readonly proxy?: ProxyOptions },
): void {
  if (!(httpAdapter instanceof FederationAdapter) || httpAdapter.isBehindProxy === (proxy !== undefined)) return;
  throw new OptionRefused('proxy', 'must be the same in the options of the module and of createFederationAdapter()');
}
