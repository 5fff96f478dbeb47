import * as tls from 'node:tls';

/** The public authorities that the runtime knows, and those of the operating system where the runtime can read them. */
export function webRoots(extra: readonly string[]): string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system') => string[] };
  return [...tls.rootCertificates, ...(getCACertificates?.('system') ?? []), ...extra];
}
