import * as x509 from '@peculiar/x509';

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const DAY_MS = 86_400_000;
/** A peer whose clock runs a little behind must not find a new certificate "not yet valid". */
const SKEW_MS = 5 * 60_000;

const PURPOSES = { clientAuth: x509.ExtendedKeyUsage.clientAuth, serverAuth: x509.ExtendedKeyUsage.serverAuth };

/** How a certificate differs from the ordinary one. */
export interface LeafOptions {
  /** Lifetime in days, from now; default 365. Negative: expired. */
  readonly days?: number;
  /** Default: five minutes ago, or before the end of an expired one. */
  readonly notBefore?: Date;
  /** Instead of `days`, to the second. */
  readonly notAfter?: Date;
  /** PKCS#8 PEM of a P-256 key to certify again; default: a new key. */
  readonly privateKey?: string;
  /** Default: both. Empty: no such extension. */
  readonly eku?: readonly (keyof typeof PURPOSES)[];
  /** Default: the host as the only DNS name. Empty: no such extension. */
  readonly san?: readonly { readonly type: 'dns' | 'ip' | 'url' | 'email'; readonly value: string }[];
  /** Default: the host. */
  readonly commonName?: string;
  /** Default: false. */
  readonly ca?: boolean;
}

export function validity({ days = 365, notBefore, notAfter }: LeafOptions): { notBefore: Date; notAfter: Date } {
  const end = notAfter ?? new Date(Date.now() + days * DAY_MS);
  const start = notBefore ?? new Date(Math.min(Date.now(), end.getTime()) - SKEW_MS);
  return { notBefore: start, notAfter: end };
}

export function leafExtensions(host: string, options: LeafOptions): x509.Extension[] {
  const eku = options.eku ?? ['clientAuth', 'serverAuth'];
  const san = options.san ?? [{ type: 'dns', value: host }];
  const { digitalSignature, keyCertSign } = x509.KeyUsageFlags;
  const usage = options.ca ? digitalSignature | keyCertSign : digitalSignature;
  return [
    new x509.BasicConstraintsExtension(options.ca ?? false, undefined, true),
    new x509.KeyUsagesExtension(usage, true),
    ...(eku.length > 0 ? [new x509.ExtendedKeyUsageExtension(eku.map((purpose) => PURPOSES[purpose]))] : []),
    ...(san.length > 0 ? [new x509.SubjectAlternativeNameExtension(san.map((name) => ({ ...name })))] : []),
  ];
}
