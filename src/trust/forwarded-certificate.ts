import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LeastRecentlyUsed } from '../transport/least-recently-used.js';
import { describeCertificate, type PresentedCertificate } from './presented-certificate.js';

/** Why a header gives no certificate. */
export type Unusable = 'no-certificate' | 'proxy-ambiguous' | 'proxy-malformed';

/** The field as RFC 9440 names it, and whatever a proxy or a library could take for it. */
const FIELD = 'client-cert';
const LOOK_ALIKE = /^[^a-z0-9]*client[^a-z0-9]*cert[^a-z0-9]*$/i;
/** One byte sequence of RFC 8941 (section 3.3.5), without parameters. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;
/** Bytes of DER. */
const MAX_SIZE = 16 * 1024;
/** Certificates kept as they were read, at most 45 KB each. */
const KEPT = 200;

/**
 * Reads the certificate that a proxy hands on with a request. Reading one costs more than a request, so what was read is
 * kept by the bytes of the header; nothing here is a verdict.
 */
export class ForwardedCertificates {
  private readonly read: LeastRecentlyUsed<PresentedCertificate>;

  constructor(kept = KEPT) {
    this.read = new LeastRecentlyUsed(kept);
  }

  of(request: IncomingMessage): PresentedCertificate | Unusable {
    const { rawHeaders } = request;
    const [first, ...others] = fieldsIn(rawHeaders);
    if (first === undefined) return 'no-certificate';
    const value = rawHeaders[first + 1] ?? '';
    const isField = rawHeaders[first]?.toLowerCase() === FIELD;
    // A proxy may have joined several lines by commas, as Node does in `headers`.
    const isOne = isField && others.length === 0 && !value.includes(',');
    if (!isOne || isForTheProxyAlone(request)) return 'proxy-ambiguous';
    return this.read.get(value) ?? this.parse(value);
  }

  private parse(value: string): PresentedCertificate | Unusable {
    const certificate = decode(value);
    return certificate ? this.read.set(value, describeCertificate(certificate)) : 'proxy-malformed';
  }
}

/** Whether a request brings a certificate, by whatever name: for what comes from somebody who is not our proxy. */
export function claimsCertificate({ rawHeaders }: IncomingMessage): boolean {
  return fieldsIn(rawHeaders).length > 0;
}

/** Where in the list of names and values the field and its look-alikes stand. */
function fieldsIn(rawHeaders: readonly string[]): number[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 && LOOK_ALIKE.test(name) ? [index] : []));
}

/** A field that `Connection` names ends with the one who receives it (RFC 9110 section 7.6.1): callers try to strip it so. */
function isForTheProxyAlone({ headers }: IncomingMessage): boolean {
  return /(?:^|,)\s*client-cert\s*(?:,|$)/i.test(headers.connection ?? '');
}

/** Canonical base64 of exactly one certificate, with no byte after it. */
function decode(value: string): X509Certificate | undefined {
  const base64 = BYTE_SEQUENCE.exec(value)?.[1] ?? '';
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.length > MAX_SIZE || bytes.toString('base64') !== base64) return undefined;
  try {
    const certificate = new X509Certificate(bytes);
    return certificate.raw.equals(bytes) ? certificate : undefined;
  } catch {
    return undefined;
  }
}
