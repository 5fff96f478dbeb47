import { StateConflict } from '../kernel/federation-error.js';
import { ShareConflict, ShareWithdrawn } from './share-errors.js';

/**
 * What an event makes of a share in a state:
 * - a state: it goes there. `stays`: it takes effect, and the share stays where it is.
 * - `nothing`: it is no news, and no error. `refuse`: STATE_CONFLICT. `refuse-withdrawn`: SHARE_WITHDRAWN.
 *   `refuse-conflict`: SHARE_CONFLICT.
 * - `beneath`: that its time is over changes nothing here: what holds for the state that it had before counts.
 */
export type Outcome<State extends string> = Decision<State> | 'beneath';

/** What may happen, by the state that the share is in at that moment. */
export type Life<Event extends string, Present extends string> = Readonly<
  Record<Event, Readonly<Record<Present, Outcome<Present>>>>
>;

/** States of a share that an account of ours offers. `resent`: failed, and another share has taken its place. */
export const OUTGOING_PRESENT = [
  'pending-delivery',
  'pending',
  'accepted',
  'expired',
  'failed',
  'resent',
  'declined',
  'left',
  'withdrawn',
] as const;
export type OutgoingPresent = (typeof OUTGOING_PRESENT)[number];

/**
 * What happens to it: the peer's answer to the offer (`delivered`, `delivered-accepted`, `refused`, or none in time), the
 * recipient's (`accepted`, `declined`, `left`), what its owner does, and the end of trust. `prolonged` is a change that
 * names an end that is still to come, or none.
 */
export const OUTGOING_EVENTS = [
  'delivered',
  'delivered-accepted',
  'refused',
  'timed-out',
  'accepted',
  'declined',
  'left',
  'changed',
  'prolonged',
  'withdrawn',
  'resent',
  'trust-ended',
] as const;
export type OutgoingEvent = (typeof OUTGOING_EVENTS)[number];

/**
 * A late answer of the peer never moves a state back. Acceptance proves that the offer arrived, whatever we thought of it.
 * An ending by the recipient is never refused: it ends what lives, an accepted share too (their cloud may have taken it for
 * accepted before the person said no), and one whose time is over, which a later end would bring back. One that failed may
 * have arrived after all; withdrawing it keeps an acceptance from bringing it to life.
 */
// biome-ignore format: a table is read by its columns
export const OUTGOING_LIFE: Life<OutgoingEvent, OutgoingPresent> = {
  delivered:            row('pending',   'nothing',   'nothing',   'beneath',   'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  'delivered-accepted': row('accepted',  'nothing',   'nothing',   'beneath',   'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  refused:              row('failed',    'nothing',   'nothing',   'beneath',   'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  'timed-out':          row('failed',    'nothing',   'nothing',   'beneath',   'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  accepted:             row('accepted',  'accepted',  'nothing',   'refuse',    'accepted',  'refuse-withdrawn', 'refuse',   'refuse',   'refuse-withdrawn'),
  declined:             row('declined',  'declined',  'declined',  'declined',  'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  left:                 row('left',      'left',      'left',      'left',      'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
  changed:              row('stays',     'stays',     'stays',     'refuse',    'refuse',    'refuse',           'refuse',   'refuse',   'refuse'),
  prolonged:            row('stays',     'stays',     'stays',     'stays',     'refuse',    'refuse',           'refuse',   'refuse',   'refuse'),
  withdrawn:            row('withdrawn', 'withdrawn', 'withdrawn', 'withdrawn', 'withdrawn', 'nothing',          'refuse',   'refuse',   'nothing'),
  resent:               row('refuse',    'refuse',    'refuse',    'refuse',    'resent',    'refuse',           'refuse',   'refuse',   'refuse'),
  'trust-ended':        row('withdrawn', 'withdrawn', 'withdrawn', 'withdrawn', 'nothing',   'nothing',          'nothing',  'nothing',  'nothing'),
};

/** States of a share that an account of ours was offered. `replaced`: expired, and its place was given to a new offer. */
export const INCOMING_PRESENT = ['pending', 'accepted', 'expired', 'declined', 'left', 'revoked', 'replaced'] as const;
export type IncomingPresent = (typeof INCOMING_PRESENT)[number];

/**
 * What happens to it: what its recipient does; what the provider makes of an acceptance (`confirmed`, `denied`: the share
 * lives no more there, `unheard`: it was not told in time, or refused for now); the provider's messages; a new offer of the
 * same resource by a peer whose shares have no ids; the end of trust.
 */
export const INCOMING_EVENTS = [
  'accepted',
  'declined',
  'left',
  'confirmed',
  'denied',
  'unheard',
  'changed',
  'unshared',
  'offered-anew',
  'trust-ended',
] as const;
export type IncomingEvent = (typeof INCOMING_EVENTS)[number];

/**
 * To leave what still waits is to decline it. An acceptance that was not heard waits for its recipient again, as it does at
 * the provider. The provider's clock decides what has expired; what it says of a share counts, whatever ours says.
 */
// biome-ignore format: a table is read by its columns
export const INCOMING_LIFE: Life<IncomingEvent, IncomingPresent> = {
  accepted:       cells('accepted',        'nothing',         'refuse',   'refuse',  'refuse',  'refuse',  'refuse'),
  declined:       cells('declined',        'refuse',          'beneath',  'nothing', 'refuse',  'refuse',  'refuse'),
  left:           cells('declined',        'left',            'beneath',  'nothing', 'nothing', 'refuse',  'refuse'),
  confirmed:      cells('nothing',         'stays',           'beneath',  'nothing', 'nothing', 'nothing', 'nothing'),
  denied:         cells('nothing',         'revoked',         'beneath',  'nothing', 'nothing', 'nothing', 'nothing'),
  unheard:        cells('nothing',         'pending',         'beneath',  'nothing', 'nothing', 'nothing', 'nothing'),
  changed:        cells('stays',           'stays',           'beneath',  'refuse',  'refuse',  'refuse',  'refuse'),
  unshared:       cells('revoked',         'revoked',         'revoked',  'nothing', 'nothing', 'nothing', 'nothing'),
  'offered-anew': cells('refuse-conflict', 'refuse-conflict', 'replaced', 'nothing', 'nothing', 'nothing', 'nothing'),
  'trust-ended':  cells('revoked',         'revoked',         'revoked',  'nothing', 'nothing', 'nothing', 'nothing'),
};

/** The same, without looking twice at what is beneath. */
export type Decision<State extends string> =
  | State
  | 'stays'
  | 'nothing'
  | 'refuse'
  | 'refuse-withdrawn'
  | 'refuse-conflict';

/**
 * @param present the state now
 * @param stored the state in the row: another one only if the share has expired since
 */
export function decide<Event extends string, Present extends string>(
  life: Life<Event, Present>,
  event: Event,
  present: Present,
  stored: Present,
): Decision<Present> {
  const outcome = life[event][present] === 'beneath' ? life[event][stored] : life[event][present];
  if (outcome === 'beneath') throw new TypeError(`nothing is beneath ${stored}`);
  return outcome as Decision<Present>;
}

/** The states in which an event has an effect by itself, for statements that move many shares at once. */
export function statesMovedBy<Event extends string, Present extends string>(
  life: Life<Event, Present>,
  event: Event,
  states: readonly Present[],
): Present[] {
  const still = ['nothing', 'refuse', 'refuse-withdrawn', 'refuse-conflict', 'beneath'];
  return states.filter((state) => !still.includes(life[event][state]));
}

/** What the decision means for an act. @throws StateConflict, ShareWithdrawn, ShareConflict where it refuses */
export function permitted<State extends string>(
  decision: Decision<State>,
  present: State,
): State | 'stays' | 'nothing' {
  if (decision === 'refuse') throw new StateConflict(`it is ${present}`);
  if (decision === 'refuse-withdrawn') throw new ShareWithdrawn();
  if (decision === 'refuse-conflict') throw new ShareConflict();
  return decision;
}

type Cells<States extends readonly string[]> = { [At in keyof States]: Outcome<States[number]> };

function row(...outcomes: Cells<typeof OUTGOING_PRESENT>) {
  return columns(OUTGOING_PRESENT, outcomes);
}

function cells(...outcomes: Cells<typeof INCOMING_PRESENT>) {
  return columns(INCOMING_PRESENT, outcomes);
}

function columns<State extends string>(states: readonly State[], outcomes: readonly Outcome<State>[]) {
  return Object.fromEntries(states.map((state, at) => [state, outcomes[at]])) as Record<State, Outcome<State>>;
}
