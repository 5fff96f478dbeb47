import { Origin } from '../../src/kernel/origin.js';
import { Secret } from '../../src/kernel/secret.js';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { type IssuedCertificate, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import type { ClientCredential, PeerEndpoint, ServerProof } from '../../src/transport/peer-endpoint.js';
import { type TransportFailure } from '../../src/transport/transport-failure.js';
import { TransportSettings } from '../../src/transport/transport-settings.js';

export const LOOPBACK_ALLOWED = new DestinationPolicy(['127.0.0.0/8', '::1/128']);

/** Settings for peers on loopback. */
export function lab(given: Partial<TransportSettings> = {}): TransportSettings {
  return new TransportSettings({ destinations: LOOPBACK_ALLOWED, ...given });
}

export function credentialFrom({ certificate, privateKey }: IssuedCertificate): ClientCredential {
  return { certificate, privateKey: new Secret(privateKey) };
}

export async function ourCredential(): Promise<ClientCredential> {
  return credentialFrom(await makeSelfSignedCertificate('us.localhost'));
}

export function endpoint(
  origin: string,
  credential: ClientCredential,
  proof: ServerProof = { kind: 'web' },
): PeerEndpoint {
  return { peer: origin, base: Origin.parse(origin), proof, credential };
}

/** The reason of the failure with which a call ends. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no failure',
    (error: TransportFailure) => error.reason ?? String(error),
  );
}
