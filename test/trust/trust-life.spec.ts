import { describe, expect, it } from 'vitest';
import { StateConflict } from '../../src/kernel/federation-error.js';
import { TRUST_STATES } from '../../src/trust/relationship.entity.js';
import { follow, TRUST_EVENTS, TRUST_LIFE, TRUST_PRESENT, type TrustPresent } from '../../src/trust/trust-life.js';

const ENDED: readonly TrustPresent[] = ['REVOKED', 'REJECTED'];
const TRUSTING: readonly TrustPresent[] = ['TRUSTED', 'SUSPENDED'];
const cells = TRUST_EVENTS.flatMap((event) =>
  TRUST_PRESENT.map((present) => ({ event, present, outcome: TRUST_LIFE[event][present] })),
);
const reaching = (state: string) => cells.filter(({ outcome }) => outcome === state);

describe('what may follow what in a relationship', () => {
  it('is said of every state, and of one more that an operator sees', () => {
    expect([...TRUST_PRESENT].sort()).toEqual([...TRUST_STATES, 'INVITED'].sort());
  });

  it('never leaves an end', () => {
    const leaving = cells.filter(({ present }) => ENDED.includes(present));
    expect(new Set(leaving.map(({ outcome }) => outcome))).toEqual(new Set(['refuse', 'nothing']));
  });

  it('lets trust arise from a confirmation alone, and come back from a suspension', () => {
    expect(reaching('TRUSTED').map(({ event, present }) => `${event} ${present}`)).toEqual([
      'confirmed REQUESTED',
      'confirmed CONFIRMING',
      'resumed SUSPENDED',
    ]);
  });

  it('suspends what is trusted, and nothing else', () => {
    expect(reaching('SUSPENDED')).toEqual([{ event: 'suspended', present: 'TRUSTED', outcome: 'SUSPENDED' }]);
  });

  it('ends from whatever has not ended, by our operator; where there is trust, by the peer too', () => {
    for (const present of TRUST_PRESENT.filter((state) => !ENDED.includes(state))) {
      expect(ENDED, present).toContain(follow('ended', present));
    }
    const byPeer = TRUST_PRESENT.filter((present) => TRUST_LIFE.left[present] === 'REVOKED');
    expect(byPeer).toEqual(TRUSTING);
  });

  it('says in which state it is where it refuses', () => {
    expect(() => follow('suspended', 'CONFIRMING')).toThrow(new StateConflict('it is CONFIRMING'));
  });

  it('takes a repeat for what it is', () => {
    for (const event of TRUST_EVENTS) {
      for (const present of TRUST_PRESENT) {
        const outcome = TRUST_LIFE[event][present];
        if (outcome === 'refuse' || outcome === 'nothing' || outcome === 'stays') continue;
        // What only answers a request, or only one side can do once, is over by then.
        if (['accepted', 'rejected', 'left'].includes(event)) continue;
        expect(TRUST_LIFE[event][outcome], `${event} ${present}`).toBe('nothing');
      }
    }
  });
});
