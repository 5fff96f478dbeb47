import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { parseDomainName } from '../kernel/domain-name.js';
import { dnsNames, spkiPin } from '../transport/certificates.js';

/** The client certificate of a connection, as far as verdicts need it. Possession of its key was proved in the handshake. */
export interface PresentedCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly pin: string;
  /** The one DNS name it carries, lower case; undefined if it carries none, several, or something that is no name. */
  readonly host: string | undefined;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** Reading a certificate costs more than a request; the socket keeps what was read. Nothing here is a verdict. */
const read = new WeakMap<Socket, PresentedCertificate | null>();

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
  return {
    certificate: certificate.toString(),
    pin: spkiPin(certificate),
    host: onlyName(certificate),
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
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
