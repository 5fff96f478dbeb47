import { StateConflict } from '../kernel/federation-error.js';
import type { TrustState } from './relationship.entity.js';

/** The states that an operator sees: a request of theirs that waits is INVITED, and becomes a relationship when it is answered. */
export const TRUST_PRESENT = [
  'INVITED',
  'REQUESTED',
  'CONFIRMING',
  'TRUSTED',
  'SUSPENDED',
  'REVOKED',
  'REJECTED',
] as const;
export type TrustPresent = (typeof TRUST_PRESENT)[number];

/**
 * What happens to it. Our operator: `accepted`, `rejected` (an answer to their request), `suspended`, `resumed`, `changed`
 * (policy, domains, what it is called), `ended`. The handshake: `confirmed`, `denied`. The peer, where it has a say: `left`.
 */
export const TRUST_EVENTS = [
  'accepted',
  'rejected',
  'confirmed',
  'denied',
  'suspended',
  'resumed',
  'changed',
  'left',
  'ended',
] as const;
export type TrustEvent = (typeof TRUST_EVENTS)[number];

/** A state: it goes there. `stays`: it takes effect, and the state stays. `nothing`: it is so already. */
export type TrustOutcome = TrustState | 'stays' | 'nothing' | 'refuse';

/** What may follow what. Nothing leaves REVOKED and REJECTED: a cloud that comes back gets a new relationship. */
// biome-ignore format: a table is read by its columns
export const TRUST_LIFE: Readonly<Record<TrustEvent, Readonly<Record<TrustPresent, TrustOutcome>>>> = {
  //             INVITED       REQUESTED   CONFIRMING  TRUSTED      SUSPENDED  REVOKED    REJECTED
  accepted:  row('CONFIRMING', 'refuse',   'refuse',   'refuse',    'refuse',  'refuse',  'refuse'),
  rejected:  row('REJECTED',   'refuse',   'refuse',   'refuse',    'refuse',  'refuse',  'refuse'),
  confirmed: row('refuse',     'TRUSTED',  'TRUSTED',  'nothing',   'nothing', 'refuse',  'refuse'),
  denied:    row('refuse',     'REJECTED', 'REJECTED', 'refuse',    'refuse',  'nothing', 'nothing'),
  suspended: row('refuse',     'refuse',   'refuse',   'SUSPENDED', 'nothing', 'refuse',  'refuse'),
  resumed:   row('refuse',     'refuse',   'refuse',   'nothing',   'TRUSTED', 'refuse',  'refuse'),
  changed:   row('refuse',     'stays',    'stays',    'stays',     'stays',   'refuse',  'refuse'),
  left:      row('refuse',     'refuse',   'refuse',   'REVOKED',   'REVOKED', 'refuse',  'refuse'),
  ended:     row('REJECTED',   'REVOKED',  'REVOKED',  'REVOKED',   'REVOKED', 'nothing', 'nothing'),
};

/** What the event makes of a relationship in this state. @throws StateConflict, which names the state */
export function follow(event: TrustEvent, present: TrustPresent): Exclude<TrustOutcome, 'refuse'> {
  const outcome = TRUST_LIFE[event][present];
  if (outcome === 'refuse') throw new StateConflict(`it is ${present}`);
  return outcome;
}

type Cells<States extends readonly string[]> = { [At in keyof States]: TrustOutcome };

function row(...outcomes: Cells<typeof TRUST_PRESENT>) {
  return Object.fromEntries(TRUST_PRESENT.map((state, at) => [state, outcomes[at]])) as Record<
    TrustPresent,
    TrustOutcome
  >;
}
