import { readRefusal } from '../ocm/receipt.js';
import type { PeerAnswer } from '../transport/peer-answer.js';
import type { WalkedCall } from '../transport/peer-client.js';
import type { WalkedStep } from '../transport/walk.js';
import { type Pong, readPong } from './pong.js';
import type { TrustState } from './relationship.entity.js';
import type { TestStepDto } from './service-test.dto.js';
import { ADVICE, type TestReason } from './service-test-words.js';

/** Beyond this the two clouds may disagree on whether a certificate is in date. Milliseconds. */
const CLOCK_TOLERANCE = 30_000;
/** What a server says that has no such route, or does not know the method. */
const KNOWS_NO_PING = [404, 405, 501];

/** What we know of the peer and of our call, beside what came of it. */
export interface Expected {
  /** Where we called: `cloud2.example:8442`. */
  readonly authority: string;
  readonly state: TrustState;
  readonly trustedByHand: boolean;
  /** Of the certificate that we presented. */
  readonly pin: string;
  /** The references that name this relationship; without any, theirs cannot be compared. */
  readonly references: readonly string[];
  /** Our clock when the answer had come. */
  readonly at: Date;
}

/** What a test found, step by step, in words that an operator can act upon. */
export function findingsOf({ steps, answer }: WalkedCall, expected: Expected): TestStepDto[] {
  const way = steps.filter(({ step, failure }) => step !== 'answer' || failure).map(described);
  if (!answer) return way;
  const { milliseconds = 0 } = steps.at(-1) ?? {};
  return [...way, ...judged(answer, milliseconds, expected)];
}

function described({ step, milliseconds, found, failure }: WalkedStep): TestStepDto {
  if (!failure) return { step, ok: true, detail: found, milliseconds };
  const { reason, detail } = failure;
  const facts = step === 'answer' && reason === 'bad-answer' ? `no answer that can be read (${detail})` : detail;
  // Some servers refuse our certificate in the handshake, some after it.
  const at = reason === 'tls-client' ? 'our-certificate' : step;
  return { step: at, ok: false, reason, detail: `${facts}; ${ADVICE[reason]}`, milliseconds };
}

function judged(answer: PeerAnswer, milliseconds: number, expected: Expected): TestStepDto[] {
  const pong = answer.status === 200 ? readPong(answer.body) : undefined;
  if (!pong) return [{ step: 'answer', milliseconds, ...withoutPong(answer, expected) }];
  const answered: TestStepDto = { step: 'answer', ok: true, detail: 'it knows us', milliseconds };
  return [answered, ourCertificate(pong, expected), clock(pong, milliseconds, expected)];
}

/** Not the answer of a peer that trusts us: what it may be instead. */
function withoutPong(answer: PeerAnswer, expected: Expected): Pick<TestStepDto, 'ok' | 'reason' | 'detail'> {
  const { status } = answer;
  const { authority, state, trustedByHand } = expected;
  const failed = (reason: TestReason, detail: string) => ({ ok: false, reason, detail });
  if (status === 401 && (state === 'REQUESTED' || state === 'CONFIRMING')) {
    const rest = 'whether it takes our certificate, and its clock, will be known once there is trust';
    return { ok: true, detail: `it answers 401, as expected: there is no trust yet (${state}); ${rest}` };
  }
  if (KNOWS_NO_PING.includes(status) && trustedByHand) {
    const rest = 'whether it takes our certificate, and its clock, stay unknown';
    return { ok: true, detail: `it answers ${status}: it does not know this test, as plain Open Cloud Mesh; ${rest}` };
  }
  if (status === 401) {
    const causes = 'they do not trust us, or a proxy of theirs drops client certificates';
    return failed('refused-401', `it answers 401: ${causes}; ask their operator what is recorded there about us`);
  }
  if (readRefusal(answer.body).code === 'SUSPENDED') {
    return failed('refused-4xx', 'their operator has suspended us; ask why, what we have to tell them waits meanwhile');
  }
  if (status >= 500)
    return failed('error-5xx', `it answers ${status}: something is wrong on their side; ask their operator`);
  if (status >= 400) return failed('refused-4xx', `it answers ${status}: ${refusal(status, authority)}`);
  if (status >= 300) {
    return failed(
      'bad-answer',
      `it answers ${status}, which leads elsewhere and is not followed; add it under the origin it has now`,
    );
  }
  return failed('bad-answer', `it answers ${status}, but in other words than ours; ${ADVICE['bad-answer']}`);
}

function refusal(status: number, authority: string): string {
  if (status === 403) return 'their operator does not allow us this; ask why';
  if (status === 429) return 'we call it more often than it takes from us; try again in a minute';
  return `${authority} is not where their federation listens; ask their operator`;
}

function ourCertificate({ fingerprintSeen, relationship }: Pong, expected: Expected): TestStepDto {
  const step = { step: 'our-certificate', milliseconds: 0 } as const;
  if (fingerprintSeen !== expected.pin) {
    const detail = `they see the key ${fingerprintSeen}, and ours is ${expected.pin}; something between us presents another certificate`;
    return { ...step, ok: false, reason: 'other-fingerprint', detail };
  }
  if (expected.references.length > 0 && !expected.references.includes(relationship)) {
    const detail = 'they mean another relationship than we do; revoke it on both sides, and ask for trust anew';
    return { ...step, ok: false, reason: 'other-relationship', detail };
  }
  return { ...step, ok: true, detail: `they see our key, ${expected.pin}` };
}

/** Their clock was read somewhere between our question and their answer: in the middle, give or take half the way. */
function clock({ now }: Pong, milliseconds: number, { at }: Expected): TestStepDto {
  const half = milliseconds / 2;
  const differenceMilliseconds = Math.round(now.getTime() - (at.getTime() - half));
  const ok = Math.abs(differenceMilliseconds) <= CLOCK_TOLERANCE;
  const side = differenceMilliseconds < 0 ? 'behind' : 'ahead of';
  const fact = `their clock is ${Math.abs(differenceMilliseconds)} ms ${side} ours, give or take ${Math.ceil(half)} ms`;
  const advice = `${fact}; certificates may count as out of date, set the one that is wrong (both should follow NTP)`;
  const finding = ok ? { ok, detail: fact } : { ok, reason: 'clock-difference' as const, detail: advice };
  return { step: 'clock', milliseconds: 0, differenceMilliseconds, ...finding };
}
