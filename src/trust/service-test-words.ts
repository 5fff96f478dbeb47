import type { TransportFailureReason } from '../transport/transport-failure.js';

/** What a test of a peer goes through, in this order. */
export const TEST_STEPS = [
  'name',
  'address',
  'connect',
  'tls',
  'certificate',
  'answer',
  'our-certificate',
  'clock',
] as const;
export type TestStep = (typeof TEST_STEPS)[number];

/** What to do about a call that got no answer. Follows on the facts, after a semicolon. */
export const ADVICE: Record<TransportFailureReason, string> = {
  dns: 'check the spelling of the name, and the resolver of this machine',
  blocked: 'PEER_NETWORK_ALLOW would allow it',
  connect: 'is the other cloud up, is the port the right one, does a firewall stand between?',
  proxy: 'look at that proxy and at OUTBOUND_PROXY: the other cloud was not reached, and need not have a fault',
  'tls-chain': 'its operator has to renew it, or PEER_CA_FILE has to hold the authority that issued it',
  'tls-name': 'its operator has to get one for this name, unless another server has taken its place',
  'tls-pin': 'ask its operator on another way before anything else: it has a new key, or somebody stands between',
  'tls-client': 'GET /admin/self says until when our certificate is valid; if that is in order, ask their operator',
  timeout: 'a firewall that drops packets does this, and a machine with too much to do',
  'too-large': 'what answers there is not the federation of a cloud; ask their operator',
  'bad-answer': 'what answers there is not the federation of a cloud; ask their operator',
};

/** Why a step failed: as in deliveries, and what only a test finds out. */
export const TEST_REASONS = [
  ...(Object.keys(ADVICE) as TransportFailureReason[]),
  'refused-401',
  'refused-4xx',
  'error-5xx',
  'other-fingerprint',
  'other-relationship',
  'clock-difference',
] as const;
export type TestReason = (typeof TEST_REASONS)[number];
