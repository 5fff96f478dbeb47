import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { spkiPin } from '../transport/certificates.js';
import { LeastRecentlyUsed } from '../transport/least-recently-used.js';
import { type CertificateFault, judgeCertificate } from './certificate-fault.js';

/** The client certificate of a caller, as far as verdicts need it. Possession of its key was proved in a TLS handshake. */
export interface PresentedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** Empty if its key cannot be read: then it is nobody's. */
  readonly pin: string;
  /** The one DNS name it carries, lower case; undefined if it has a fault. */
  readonly host: string | undefined;
  /** What is wrong with it, whoever shows it and whenever. */
  readonly fault: CertificateFault | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** Reading a certificate costs more than a request; the socket keeps what was read. Nothing here is a verdict. */
const read = new WeakMap<Socket, PresentedCertificate | null>();
/** What was read of whole certificates, by their SHA-256: a peer shows the same one on every new connection. */
const readings = new LeastRecentlyUsed<PresentedCertificate>(1_000);
/** Bytes (DER); what is larger is read each time, so that strangers cannot fill the memory with readings. */
const USUAL_SIZE = 4_096;

/** What the other side presented in the TLS handshake of this socket. */
export function presentedCertificate(socket: Socket): PresentedCertificate | undefined {
  let presented = read.get(socket);
  if (presented === undefined) {
    presented = readFrom(socket);
    read.set(socket, presented);
  }
  return presented ?? undefined;
}

function readFrom(socket: Socket): PresentedCertificate | null {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!certificate) return null;
  if (certificate.raw.length > USUAL_SIZE) return describeCertificate(certificate);
  const key = certificate.fingerprint256;
  return readings.get(key) ?? readings.set(key, describeCertificate(certificate));
}

/** What a certificate says, wherever it came from. */
export function describeCertificate(certificate: X509Certificate): PresentedCertificate {
  const pin = pinOf(certificate);
  const named = judgeCertificate(certificate);
  return {
    certificate: certificate.toString(),
    pin,
    host: 'host' in named ? named.host : undefined,
    fault: 'fault' in named ? named.fault : undefined,
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
}

/** Keys of a kind that this runtime does not know have no pin. */
function pinOf(certificate: X509Certificate): string {
  try {
    return spkiPin(certificate);
  } catch {
    return '';
  }
}
