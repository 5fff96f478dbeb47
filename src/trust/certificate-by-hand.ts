import type { X509Certificate } from 'node:crypto';
import { parseDomainName } from '../kernel/domain-name.js';
import { ValidationFailed } from '../kernel/federation-error.js';
import type { Origin } from '../kernel/origin.js';
import { dnsNames, readCertificates, spkiPin } from '../transport/certificates.js';
import type { PresentedCertificate } from './presented-certificate.js';
import { judgeDates } from './verdict.js';

/** One certificate, and nothing around it: whoever pastes a key along with it should learn so. */
const ONE_BLOCK = /^\s*-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/;

/**
 * The federation certificate that our operator gives for a cloud, judged as it will be when the cloud presents it: what would
 * be refused then is refused here, where somebody can still mend it.
 * @throws ValidationFailed `certificate`: `INVALID` (not exactly one PEM certificate), `WRONG_NAME` (not exactly one DNS name,
 * or not the origin's host), `NOT_YET_VALID`, `EXPIRED`
 */
export function readCertificateOf({ host }: Origin, pem: string, now: Date): PresentedCertificate {
  const certificate = readOne(pem);
  const read = {
    certificate: certificate.toString(),
    pin: pinOf(certificate),
    host: onlyName(certificate),
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
  if (read.host !== host) throw refuse('WRONG_NAME');
  const dates = judgeDates(read, now);
  if (dates !== 'valid') throw refuse(dates === 'expired' ? 'EXPIRED' : 'NOT_YET_VALID');
  return read;
}

function readOne(pem: string): X509Certificate {
  try {
    const [certificate] = ONE_BLOCK.test(pem) ? readCertificates(pem) : [];
    if (certificate) return certificate;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  throw refuse('INVALID');
}

/** A key of a kind that cannot be read here can never be presented here. */
function pinOf(certificate: X509Certificate): string {
  try {
    return spkiPin(certificate);
  } catch {
    throw refuse('INVALID');
  }
}

/** A list of names that cannot be read names nobody. */
function onlyName(certificate: X509Certificate): string | undefined {
  try {
    const names = dnsNames(certificate);
    return names.length === 1 ? parseDomainName(names[0] ?? '') : undefined;
  } catch {
    return undefined;
  }
}

function refuse(message: string): ValidationFailed {
  return ValidationFailed.of('certificate', message);
}
