import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { deliverNow, introspect, type Outgoing, outgoing } from '../shares/support.js';
import { TwoClouds, type TwoCloudsSetup } from '../shares/two-clouds.js';
import type { TestCloud } from '../support/cloud.js';

const LIVE = ['pending', 'accepted'];
const PERMISSIONS = ['read', 'read_write', 'admin'] as const;

type Step =
  | { readonly do: 'accept' | 'decline' | 'leave' | 'withdraw' | 'lapse' | 'prolong'; readonly share: number }
  | { readonly do: 'change'; readonly share: number; readonly permission: (typeof PERMISSIONS)[number] }
  | { readonly do: 'rename'; readonly share: number; readonly name: string }
  | { readonly do: 'stop' | 'start'; readonly cloud: 'one' | 'two' }
  | { readonly do: 'deliver' };

const share = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('accept' as const), share }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('decline' as const, 'leave' as const, 'withdraw' as const), share }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('lapse' as const, 'prolong' as const), share }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('change' as const), share, permission: fc.constantFrom(...PERMISSIONS) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('rename' as const), share, name: fc.constantFrom('A', 'B', 'C') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('stop' as const, 'start' as const),
      cloud: fc.constantFrom('one' as const, 'two' as const),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'deliver' as const }) },
);

interface Wires {
  readonly setup: TwoCloudsSetup;
  /** No run begins later. */
  readonly ms: number;
  /** Runs that come to an end on any machine. */
  readonly least: number;
}

const WIRES: [string, Wires][] = [
  ['at once', { setup: {}, ms: 5_000, least: 1 }],
  ['over slow wires', { setup: { through: { kind: 'delay', ms: 2, oneByOne: 200 } }, ms: 3_000, least: 1 }],
];

describe.each(WIRES)('whatever two clouds do to their shares, whichever of them is down, %s', (_, wires) => {
  const { setup, ms, least } = wires;
  let clouds: TwoClouds;
  beforeAll(async () => {
    clouds = await TwoClouds.start(setup);
  });
  afterAll(() => clouds?.stop());

  /** A share with the token that it was given, which only this process can know. */
  async function create(): Promise<{ share: Outgoing; token: string }> {
    const given = vi.spyOn(Secret, 'random');
    const created = await clouds.create();
    const { value } = given.mock.results[0] ?? {};
    given.mockRestore();
    if (!(value instanceof Secret)) throw new Error('no token was made');
    return { share: created, token: value.reveal() };
  }

  class Run {
    private readonly isDown = { one: false, two: false };

    constructor(readonly shares: readonly { share: Outgoing; token: string }[]) {}

    async take(step: Step): Promise<void> {
      switch (step.do) {
        case 'stop':
        case 'start':
          return this.turn(step.cloud, step.do === 'stop');
        case 'deliver':
          for (const name of ['one', 'two'] as const) if (!this.isDown[name]) await deliverNow(clouds[name]);
          return new Promise((resolve) => setTimeout(resolve, 40));
        default:
          return this.act(step);
      }
    }

    private async act(step: Exclude<Step, { do: 'stop' | 'start' | 'deliver' }>): Promise<void> {
      const held = this.shares[step.share]?.share;
      if (!held) return;
      if (step.do === 'lapse') return this.lapse(held);
      const isOwners = !['accept', 'decline', 'leave'].includes(step.do);
      if (isOwners ? this.isDown.one : this.isDown.two) return;
      if (isOwners) return void expectDecided(await this.actOfOwner(held.id, step));
      const mirror = await clouds.received(held);
      if (!mirror) return;
      if (step.do === 'leave') expectDecided(await clouds.leave(mirror.id));
      else if (step.do === 'accept' || step.do === 'decline') expectDecided(await clouds.act(mirror.id, step.do));
    }

    private actOfOwner(id: string, step: Step) {
      if (step.do === 'change') return clouds.change(id, { permission: step.permission });
      if (step.do === 'rename') return clouds.change(id, { name: step.name });
      if (step.do === 'prolong') return clouds.change(id, { expiresAt: '2099-12-31T00:00:00Z' });
      return clouds.withdraw(id);
    }

    /** Its time is over; the recipient's cloud learns the end from its own row, if it has one. */
    private async lapse({ id, shareId }: Outgoing): Promise<void> {
      const over = `expires_at = now() - interval '1 second'`;
      await clouds.one.rows(`update federation.outgoing_share set ${over} where id = $1`, id);
      await clouds.two.rows(`update federation.incoming_share set ${over} where share_id = $1`, shareId);
    }

    /** At no moment does a token work whose share is not accepted. */
    async expectNoStrayToken(): Promise<void> {
      if (this.isDown.one) return;
      for (const { share, token } of this.shares) {
        const before = await outgoing(clouds.one, share.id);
        const worth = await introspect(clouds.one, token);
        const after = await outgoing(clouds.one, share.id);
        if (worth.active) expect([before.state, after.state]).toContain('accepted');
      }
    }

    private async turn(name: 'one' | 'two', down: boolean): Promise<void> {
      if (this.isDown[name] === down) return;
      await (down ? clouds[name].down() : clouds[name].up());
      this.isDown[name] = down;
    }

    async end(): Promise<void> {
      await this.turn('one', false);
      await this.turn('two', false);
      await clouds.drain();
    }
  }

  /** Every act has an answer that a client can work with. */
  function expectDecided({ status }: { readonly status: number }): void {
    expect([200, 204, 409]).toContain(status);
  }

  async function expectAgreement(
    one: TestCloud,
    { share: { id, shareId }, token }: { share: Outgoing; token: string },
  ) {
    const ours = await outgoing(one, id);
    const theirs = await clouds.received({ shareId });
    const rows = await clouds.two.rows('select id from federation.incoming_share where share_id = $1', shareId);
    expect(rows.length).toBeLessThanOrEqual(1);
    if (ours.state === 'expired' || theirs?.state === 'expired') {
      // What was set behind the clouds' backs while the offer was on its way is known to the owner's cloud alone.
      expect([ours.state, theirs?.state]).toContain('expired');
      expect([...LIVE, 'expired']).toContain(theirs?.state);
    } else if (LIVE.includes(ours.state) || LIVE.includes(theirs?.state ?? 'none')) {
      expect(theirs).toMatchObject({ state: ours.state, permission: ours.permission, name: ours.name });
      expect(theirs?.confirmed).toBe(ours.state === 'accepted');
    } else {
      expect(['declined', 'left', 'withdrawn']).toContain(ours.state);
      expect([undefined, 'declined', 'left', 'revoked']).toContain(theirs?.state);
    }
    const worth = await introspect(one, token);
    if (ours.state === 'accepted') expect(worth).toMatchObject({ active: true, scope: ours.permission });
    else expect(worth).toEqual({ active: false });
  }

  it('once all is told, both agree on state and permission, and no token works but an accepted share’s', async () => {
    let runs = 0;
    const last = performance.now() + ms;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        if (performance.now() > last) return;
        const run = new Run([await create(), await create(), await create()]);
        try {
          for (const taken of steps) {
            await run.take(taken);
            await run.expectNoStrayToken();
          }
        } finally {
          await run.end();
        }
        for (const held of run.shares) await expectAgreement(clouds.one, held);
        runs += 1;
      }),
      { numRuns: 25, endOnFailure: true },
    );
    expect(runs).toBeGreaterThanOrEqual(least);
  }, 60_000);
});
