import type { X509Certificate } from 'node:crypto';
import { ValidationFailed } from '../kernel/federation-error.js';
import type { Origin } from '../kernel/origin.js';
import { readCertificates } from '../transport/certificates.js';
import { describeCertificate, type PresentedCertificate } from './presented-certificate.js';
import { objectionTo, type Refusal } from './verdict.js';

/** One certificate, and nothing around it: whoever pastes a key along with it should learn so. */
const ONE_BLOCK = /^\s*-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/;

/**
 * The federation certificate that our operator gives for a cloud, judged as it will be when the cloud presents it: what would
 * be refused then is refused here, where somebody can still mend it.
 * @throws ValidationFailed `certificate`: `INVALID` (not exactly one PEM certificate, or one that cannot be read), `WRONG_NAME`
 * (not the origin's host), or any other `Refusal` in capitals: `SEVERAL_NAMES`, `WRONG_PURPOSE`, `EXPIRED` …
 */
export function readCertificateOf({ host }: Origin, pem: string, now: Date): PresentedCertificate {
  const read = describeCertificate(readOne(pem));
  if (!read.fault && read.host !== host) throw refuse('wrong-name');
  const objection = objectionTo(read, now);
  if (objection) throw refuse(objection);
  return read;
}

function readOne(pem: string): X509Certificate {
  try {
    const [certificate] = ONE_BLOCK.test(pem) ? readCertificates(pem) : [];
    if (certificate) return certificate;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  throw refuse('unreadable');
}

function refuse(refusal: Refusal): ValidationFailed {
  const message = refusal === 'unreadable' ? 'INVALID' : refusal.toUpperCase().replaceAll('-', '_');
  return ValidationFailed.of('certificate', message);
}
