import type { OwnCloud } from '../host/own-cloud.js';
import type { Secret } from '../kernel/secret.js';

/** What we say of ourselves in the handshake. */
export function introduceOurselves(cloud: OwnCloud, code: Secret) {
  return {
    origin: cloud.origin.toString(),
    endpoint: cloud.endpoint.toString(),
    displayName: cloud.displayName,
    domains: cloud.domains,
    code: code.reveal(),
    version: '1',
  };
}
