import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TransportSettings } from '../../src/transport/transport-settings.js';
import { BrokenWires, type Held, type History, type Round } from '../shares/broken-wires.js';
import { deliverNow } from '../shares/support.js';
import type { TwoClouds } from '../shares/two-clouds.js';
import { eventually, type TestCloud } from '../support/cloud.js';
import type { Fault } from '../support/fault-proxy.js';

/**
 * Inside of TLS the head of a request is some 275 of at least 355 bytes, that of an answer some 510 of at least 730. On
 * the wire each is one record, the last; before that of the request comes our certificate, which is some 600 bytes.
 */
const IN_HEAD = { request: 100, answer: 200 } as const;
const IN_BODY = { request: 320, answer: 600 } as const;
const IN_RECORD = { request: -200, answer: -300 } as const;
const IN_CERTIFICATE = -800;

const ROUNDS: [string, Round][] = [
  [
    'connections that do not come about',
    {
      arrives: false,
      faults: [
        { kind: 'reset' },
        { kind: 'cut', way: 'request', at: 0 },
        { kind: 'cut', way: 'request', at: 100 },
        { kind: 'cut', way: 'request', at: 100, reset: true },
        { kind: 'garbage', way: 'request', at: 50 },
      ],
    },
  ],
  [
    'handshakes that break off',
    {
      arrives: false,
      faults: [
        { kind: 'cut', way: 'answer', at: 500 },
        { kind: 'cut', way: 'answer', at: 500, reset: true },
        { kind: 'garbage', way: 'answer', at: 400 },
        { kind: 'cut', way: 'request', at: IN_CERTIFICATE },
        { kind: 'half-close', way: 'request', at: IN_CERTIFICATE },
      ],
    },
  ],
  [
    'requests that break off in the head or in the body',
    {
      arrives: false,
      faults: [
        { kind: 'cut', way: 'request', at: IN_RECORD.request },
        { kind: 'garbage', way: 'request', at: IN_RECORD.request },
        { kind: 'cut', way: 'request', at: IN_HEAD.request, inside: true },
        { kind: 'cut', way: 'request', at: IN_BODY.request, inside: true },
        { kind: 'cut', way: 'request', at: IN_BODY.request, inside: true, reset: true },
      ],
    },
  ],
  [
    'answers that never come, or break off in the head',
    {
      arrives: true,
      faults: [
        { kind: 'cut', way: 'answer', at: 0, inside: true },
        { kind: 'cut', way: 'answer', at: 0, inside: true, reset: true },
        { kind: 'cut', way: 'answer', at: IN_RECORD.answer },
        { kind: 'cut', way: 'answer', at: IN_HEAD.answer, inside: true },
        { kind: 'half-close', way: 'answer', at: IN_HEAD.answer, inside: true },
      ],
    },
  ],
  [
    'answers that break off in the body, are none, or come slowly',
    {
      arrives: true,
      faults: [
        { kind: 'cut', way: 'answer', at: IN_BODY.answer, inside: true },
        { kind: 'cut', way: 'answer', at: IN_BODY.answer, inside: true, reset: true },
        { kind: 'garbage', way: 'answer', at: IN_RECORD.answer },
        { kind: 'garbage', way: 'answer', at: 0, inside: true },
        { kind: 'delay', ms: 10, oneByOne: 200 },
      ],
    },
  ],
];

const SILENCES: [string, Round][] = [
  [
    'silence before the request is told',
    {
      arrives: false,
      faults: [
        { kind: 'hang' },
        { kind: 'silence', way: 'answer', at: 500 },
        { kind: 'silence', way: 'request', at: IN_RECORD.request },
        { kind: 'silence', way: 'request', at: IN_BODY.request, inside: true },
      ],
    },
  ],
  [
    'silence after it',
    {
      arrives: true,
      faults: [
        { kind: 'silence', way: 'answer', at: 0, inside: true },
        { kind: 'silence', way: 'answer', at: IN_BODY.answer, inside: true },
      ],
    },
  ],
];

const OFFERED = ['share.created', 'share.delivered'];
const HISTORY: Record<'kept' | 'declined' | 'left', History> = {
  kept: {
    ours: [...OFFERED, 'share.accepted', 'share.changed', 'share.changed', 'share.withdrawn'],
    theirs: ['share.offered', 'share.accepted', 'share.confirmed', 'share.changed', 'share.changed', 'share.revoked'],
    toldHere: ['share-accepted'],
    toldThere: ['share-invited', 'share-changed', 'share-changed', 'share-withdrawn'],
  },
  declined: {
    ours: [...OFFERED, 'share.declined'],
    theirs: ['share.offered', 'share.declined'],
    toldHere: ['share-declined'],
    toldThere: ['share-invited'],
  },
  left: {
    ours: [...OFFERED, 'share.accepted', 'share.left'],
    theirs: ['share.offered', 'share.accepted', 'share.confirmed', 'share.left'],
    toldHere: ['share-accepted', 'share-left'],
    toldThere: ['share-invited'],
  },
};

const way = fc.constantFrom('request' as const, 'answer' as const);
const reset = fc.boolean();
const onTheWire = fc.record({ way, at: fc.integer({ min: 0, max: 2_000 }) });
const inside = fc.record({ way, at: fc.integer({ min: 0, max: 900 }), inside: fc.constant(true) });
const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Fault>({ kind: 'pass' }) },
  { weight: 1, arbitrary: fc.constant<Fault>({ kind: 'reset' }) },
  { weight: 1, arbitrary: fc.constant<Fault>({ kind: 'hang' }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }).map((ms): Fault => ({ kind: 'delay', ms, oneByOne: 50 })) },
  { weight: 3, arbitrary: fc.tuple(onTheWire, reset).map(([at, is]): Fault => ({ kind: 'cut', reset: is, ...at })) },
  { weight: 6, arbitrary: fc.tuple(inside, reset).map(([at, is]): Fault => ({ kind: 'cut', reset: is, ...at })) },
  { weight: 2, arbitrary: onTheWire.map((at): Fault => ({ kind: 'garbage', ...at })) },
  { weight: 1, arbitrary: onTheWire.map((at): Fault => ({ kind: 'half-close', ...at })) },
  { weight: 1, arbitrary: inside.map((at): Fault => ({ kind: 'silence', ...at })) },
);
const anyStep = fc.record({
  act: fc.constantFrom('accept', 'accept', 'decline', 'leave', 'withdraw', 'change', 'change'),
  share: fc.integer({ min: 0, max: 1 }),
  permission: fc.constantFrom('read', 'read_write', 'admin'),
  faults: fc.record({ one: fc.array(anyFault, { maxLength: 3 }), two: fc.array(anyFault, { maxLength: 3 }) }),
  /** Whether what failed before is tried again. */
  again: fc.boolean(),
});
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** What a cloud says to acts that crossed; nothing else may refuse a delivery. */
const CROSSED = ['SHARE_WITHDRAWN', 'STATE_CONFLICT', 'RESOURCE_NOT_FOUND'];

/** A share may be changed several times, and each of the changes may cross with its end at the other cloud. */
const MORE_THAN_ONCE = ['share-changed', 'share-undeliverable'];

describe('sharing over wires that break', () => {
  let wires: BrokenWires;
  let clouds: TwoClouds;
  beforeAll(async () => {
    wires = await BrokenWires.start();
    clouds = wires.clouds;
  });
  afterEach(() => wires?.heal());
  afterAll(() => wires?.stop());

  const are = async (held: readonly Held[], state: string) =>
    (await wires.ours(held)).map((side) => side?.state === state);
  const each = async (held: readonly Held[], act: (mirror: string) => Promise<{ readonly status: number }>) => {
    const mirrors = await wires.theirs(held);
    const answers = await Promise.all(mirrors.map((mirror) => act(mirror?.id ?? '')));
    for (const { status } of answers) expect(status).toBeLessThan(300);
  };

  /**
   * The main job, as many times side by side as there are faults, so that every kind of message meets each of them:
   * shares that are changed and withdrawn, shares that are declined, shares that are left.
   */
  async function mainJob(round: Round): Promise<void> {
    const createAll = async (into: Held[]) => {
      for (const _ of round.faults) into.push(await wires.create());
    };
    const [kept, declined, left]: [Held[], Held[], Held[]] = [[], [], []];
    await createAll(declined);
    await createAll(left);
    await clouds.drain();
    await wires.under(
      round,
      {
        from: 'one',
        say: () => createAll(kept),
        isKnown: async () => (await wires.theirs(kept)).map((side) => side !== undefined),
      },
      { from: 'two', say: () => each(left, (id) => clouds.act(id, 'accept')), isKnown: () => are(left, 'accepted') },
    );
    await wires.expectAgreement([...kept, ...declined, ...left]);
    await each(kept, (id) => clouds.act(id, 'accept'));
    await clouds.drain();
    const change = { permission: 'read_write', name: 'Renamed' };
    await wires.under(
      round,
      {
        from: 'one',
        say: () => Promise.all(kept.map(({ id }) => clouds.change(id, change))),
        isKnown: async () => (await wires.theirs(kept)).map((side) => side?.permission === 'read_write'),
      },
      {
        from: 'two',
        say: () => each(declined, (id) => clouds.act(id, 'decline')),
        isKnown: () => are(declined, 'declined'),
      },
    );
    expect(await wires.theirs(kept)).toEqual(kept.map(() => expect.objectContaining(change)));
    await wires.expectAgreement([...kept, ...declined]);
    await wires.under(
      round,
      {
        from: 'one',
        say: () => Promise.all(kept.map(({ id }) => clouds.withdraw(id))),
        isKnown: async () => (await wires.theirs(kept)).map((side) => side?.state === 'revoked'),
      },
      { from: 'two', say: () => each(left, (id) => clouds.leave(id)), isKnown: () => are(left, 'left') },
    );
    await wires.expectAgreement([...kept, ...declined, ...left]);
    await wires.expectHistory(kept, HISTORY.kept);
    await wires.expectHistory(declined, HISTORY.declined);
    await wires.expectHistory(left, HISTORY.left);
    expect(await wires.undelivered()).toEqual([]);
    await wires.expectTrust();
  }

  it.each(ROUNDS)('does the whole job over %s', (_, round) => mainJob(round), 30_000);

  it('does the whole job although nobody listens at first, either way', async () => {
    const share = await wires.create();
    await clouds.drain();
    await wires.dropConnections();
    for (const from of ['one', 'two'] as const) wires.wireFrom(from).refuse();
    const [mirror] = await wires.theirs([share]);
    await clouds.act(mirror?.id ?? '', 'accept');
    await clouds.change(share.id, { name: 'Renamed' });
    const other = await wires.create();
    const reasons = async () => (await wires.undelivered()).map(({ state, reason }) => `${state} ${reason}`);
    const refused = ['waiting connect', 'waiting connect', 'waiting connect'];
    await eventually('all were refused', async () => (await reasons()).join() === refused.join());
    for (const from of ['one', 'two'] as const) await wires.wireFrom(from).listenAgain();
    await clouds.drain();
    expect((await wires.ours([share, other])).map((side) => side?.state)).toEqual(['accepted', 'pending']);
    await wires.expectAgreement([share, other]);
    expect(await wires.undelivered()).toEqual([]);
    await wires.expectTrust();
  });

  describe('with little patience', () => {
    const usual = new Map<TestCloud, { deadlineMs: number; connectMs: number }>();
    beforeAll(() => {
      for (const cloud of [clouds.one, clouds.two]) {
        const settings = cloud.get(TransportSettings);
        usual.set(cloud, { deadlineMs: settings.deadlineMs, connectMs: settings.connectMs });
        Object.assign(settings, { deadlineMs: 1_000, connectMs: 800 });
      }
    });
    afterAll(() => {
      for (const [cloud, times] of usual) Object.assign(cloud.get(TransportSettings), times);
    });

    it.each(SILENCES)('does the whole job over %s', (_, round) => mainJob(round), 30_000);

    async function act({ act: what, permission }: Step, held: Held): Promise<void> {
      const decided = ({ status }: { readonly status: number }) => expect([200, 204, 409]).toContain(status);
      if (what === 'change') return decided(await clouds.change(held.id, { permission }));
      if (what === 'withdraw') return decided(await clouds.withdraw(held.id));
      const [mirror] = await wires.theirs([held]);
      if (!mirror) return;
      decided(await (what === 'leave' ? clouds.leave(mirror.id) : clouds.act(mirror.id, what as 'accept' | 'decline')));
    }

    async function take(step: Step, held: readonly Held[]): Promise<void> {
      await wires.dropConnections();
      for (const from of ['one', 'two'] as const) wires.wireFrom(from).script(...step.faults[from]);
      const share = held[step.share];
      if (share) await act(step, share);
      if (!step.again) return;
      for (const cloud of [clouds.one, clouds.two]) await deliverNow(cloud);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }

    it('brings both clouds together again, whatever befell their connections', async () => {
      let runs = 0;
      const last = performance.now() + 5_000;
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 3, maxLength: 8 }), async (steps) => {
          if (performance.now() > last) return;
          const held = [await wires.create(), await wires.create()];
          for (const step of steps) await take(step, held);
          wires.heal();
          await wires.dropConnections();
          await clouds.drain();
          await wires.expectAgreement(held);
          const mirrors = (await wires.theirs(held)).map((side) => side?.id ?? '');
          const told = [
            wires.eventsOf(
              'one',
              held.map(({ id }) => id),
            ),
            wires.eventsOf('two', mirrors),
          ].flat();
          for (const types of told.map((all) => all.filter((type) => !MORE_THAN_ONCE.includes(type)))) {
            expect(types).toEqual([...new Set(types)]);
          }
          for (const { state, reason } of await wires.undelivered()) {
            expect(state === 'cancelled' || (state === 'refused' && CROSSED.includes(String(reason)))).toBe(true);
          }
          runs += 1;
        }),
        { numRuns: 15, endOnFailure: true },
      );
      await wires.expectTrust();
      expect(runs).toBeGreaterThan(0);
    }, 60_000);
  });
});
