import { describe, expect, it } from 'vitest';
import type { PeerAnswer } from '../../src/transport/peer-answer.js';
import { TransportFailure, type TransportFailureReason } from '../../src/transport/transport-failure.js';
import type { WalkStep } from '../../src/transport/walk.js';
import { type Expected, findingsOf } from '../../src/trust/service-test-findings.js';
import { ADVICE, TEST_REASONS } from '../../src/trust/service-test-words.js';

const OURS = `sha256:${'o'.repeat(43)}`;
const THEIRS = `sha256:${'t'.repeat(43)}`;
const AT = new Date('2026-11-23T12:00:00.000Z');
/** Milliseconds from question to answer. */
const TRIP = 200;

const expected = (more: Partial<Expected> = {}): Expected => ({
  authority: 'b.example',
  state: 'TRUSTED',
  trustedByHand: false,
  pin: OURS,
  references: ['ours', 'theirs'],
  at: AT,
  ...more,
});

const answer = (status: number, body?: unknown): PeerAnswer => ({
  status,
  headers: {},
  body,
  bodyBytes: 0,
  serverPin: THEIRS,
  serverValidUntil: AT,
});

/** Their clock, so many milliseconds after the middle of our call. */
const pong = (ahead = 0, more: object = {}) => ({
  now: new Date(AT.getTime() - TRIP / 2 + ahead).toISOString(),
  fingerprintSeen: OURS,
  relationship: 'ours',
  ...more,
});

function found(given: PeerAnswer, more: Partial<Expected> = {}) {
  const name = { step: 'name', milliseconds: 3, found: 'b.example resolves to 1.1.1.1' } as const;
  const answered = { step: 'answer', milliseconds: TRIP, found: `status ${given.status}` } as const;
  return findingsOf({ steps: [name, answered], answer: given }, expected(more)).slice(1);
}

const failed = (reason: TransportFailureReason, detail: string, step: WalkStep) =>
  findingsOf({ steps: [{ step, milliseconds: 5, failure: new TransportFailure(reason, detail) }] }, expected());

describe('what a test of a peer finds', () => {
  it('is a clean walk to the end', () => {
    expect(findingsOf({ steps: [], answer: answer(200, pong()) }, expected()).map(({ step }) => step)).toEqual([
      'answer',
      'our-certificate',
      'clock',
    ]);
    expect(found(answer(200, pong(-40)))).toEqual([
      { step: 'answer', ok: true, detail: 'it knows us', milliseconds: TRIP },
      { step: 'our-certificate', ok: true, detail: `they see our key, ${OURS}`, milliseconds: 0 },
      {
        step: 'clock',
        ok: true,
        detail: 'their clock is 40 ms behind ours, give or take 100 ms',
        milliseconds: 0,
        differenceMilliseconds: -40,
      },
    ]);
  });

  it('says what to do about every failure of the call itself', () => {
    for (const reason of Object.keys(ADVICE) as TransportFailureReason[]) {
      const [step] = failed(reason, 'the facts', 'connect');
      expect(step).toEqual({
        step: reason === 'tls-client' ? 'our-certificate' : 'connect',
        ok: false,
        reason,
        detail: `the facts; ${ADVICE[reason]}`,
        milliseconds: 5,
      });
      expect(TEST_REASONS).toContain(reason);
    }
    const place = 'b.example resolves to 10.0.0.5, which lies in a network that peers may not live in';
    expect(failed('blocked', place, 'address')).toMatchObject([
      { detail: `${place}; PEER_NETWORK_ALLOW would allow it` },
    ]);
    expect(failed('bad-answer', 'UND_ERR_SOCKET', 'answer')).toMatchObject([
      { step: 'answer', detail: expect.stringContaining('no answer that can be read (UND_ERR_SOCKET); ') },
    ]);
  });

  it('is that they see another certificate than the one we presented, and their clock all the same', () => {
    expect(found(answer(200, pong(0, { fingerprintSeen: THEIRS })))).toMatchObject([
      { step: 'answer', ok: true },
      {
        step: 'our-certificate',
        ok: false,
        reason: 'other-fingerprint',
        detail: expect.stringMatching(`${THEIRS}, and ours is ${OURS}`),
      },
      { step: 'clock', ok: true },
    ]);
  });

  it('is that they mean another relationship, unless no reference was ever exchanged', () => {
    const other = answer(200, pong(0, { relationship: 'earlier' }));
    expect(found(other)[1]).toMatchObject({ step: 'our-certificate', ok: false, reason: 'other-relationship' });
    expect(found(other, { references: [] })[1]).toMatchObject({ ok: true });
    expect(found(answer(200, pong(0, { relationship: 'theirs' })))[1]).toMatchObject({ ok: true });
  });

  it.each([
    [30_000, true],
    [-30_000, true],
    [30_001, false],
    [-30_001, false],
    [86_400_000, false],
  ])('is how far their clock is from ours: by %i ms', (ahead, ok) => {
    const clock = found(answer(200, pong(ahead)))[2];
    expect(clock).toMatchObject({ step: 'clock', ok, differenceMilliseconds: ahead });
    expect(clock?.reason).toBe(ok ? undefined : 'clock-difference');
    expect(clock?.detail).toContain(`${Math.abs(ahead)} ms ${ahead < 0 ? 'behind' : 'ahead of'} ours`);
  });

  it.each(['REQUESTED', 'CONFIRMING'] as const)('is no fault if a 401 comes while %s, and says so', (state) => {
    expect(found(answer(401), { state })).toEqual([
      { step: 'answer', ok: true, detail: expect.stringContaining('401, as expected'), milliseconds: TRIP },
    ]);
  });

  it.each(['TRUSTED', 'SUSPENDED'] as const)('is a fault if a 401 comes while %s', (state) => {
    const detail = expect.stringContaining('they do not trust us, or a proxy of theirs drops client certificates');
    expect(found(answer(401), { state })).toMatchObject([{ step: 'answer', ok: false, reason: 'refused-401', detail }]);
  });

  it.each([404, 405, 501])('is that a peer trusted by hand does not know the test, when it answers %i', (status) => {
    expect(found(answer(status), { trustedByHand: true })).toMatchObject([
      { step: 'answer', ok: true, detail: expect.stringContaining('its clock, stay unknown') },
    ]);
    expect(found(answer(status))).toMatchObject([{ step: 'answer', ok: false }]);
  });

  it.each<[PeerAnswer, string, string]>([
    [answer(403, { message: 'SUSPENDED' }), 'refused-4xx', 'their operator has suspended us'],
    [answer(403, { message: 'NOT_ALLOWED' }), 'refused-4xx', 'it answers 403: their operator does not allow us this'],
    [answer(404), 'refused-4xx', 'it answers 404: b.example is not where their federation listens'],
    [answer(429), 'refused-4xx', 'it answers 429: we call it more often'],
    [answer(503), 'error-5xx', 'it answers 503'],
    [answer(301), 'bad-answer', 'which leads elsewhere and is not followed'],
    [answer(204), 'bad-answer', 'in other words than ours'],
    [answer(200), 'bad-answer', 'in other words than ours'],
    [answer(200, []), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { now: 7 })), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { now: 'yesterday' })), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { now: '2026-11-23T12:00:00' })), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { now: '2026-99-23T12:00:00Z' })), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { fingerprintSeen: '<b>' })), 'bad-answer', 'in other words than ours'],
    [answer(200, pong(0, { relationship: null })), 'bad-answer', 'in other words than ours'],
  ])('is a fault of %j', (given, reason, words) => {
    const detail = expect.stringContaining(words);
    expect(found(given)).toEqual([{ step: 'answer', ok: false, reason, detail, milliseconds: TRIP }]);
  });
});
