import assert from 'node:assert/strict';
import { type ForeignIdentity, Origin, type SessionIssuer } from '../index.js';
import { contractOf, type UnderTest } from './contract.js';

export interface SessionIssuerUnderTest extends UnderTest {
  readonly issuer: SessionIssuer;
  /** Whether the session lets its bearer in at this moment. */
  isOpen(session: string): Promise<boolean>;
}

const CLOUD1 = Origin.parse('https://cloud1.example');
const CLOUD2 = Origin.parse('https://cloud2.example');
const CLOUD1_ELSEWHERE = Origin.parse('https://cloud1.example:8443');

/** What every `SessionIssuer` must do: `sessionIssuerContract({ describe, it }, () => …)`. */
export const sessionIssuerContract = contractOf<SessionIssuerUnderTest>('SessionIssuer', {
  'opens a session of its own each time, by an id that nobody guesses': async ({ issuer, isOpen }) => {
    const sessions = [await issuer.open(person(CLOUD1)), await issuer.open(person(CLOUD1))];
    assert.equal(new Set(sessions).size, 2, 'two sessions have one id');
    for (const session of sessions) {
      assert.ok(session.length >= 16, `the id ${session.length} characters long can be guessed`);
      assert.equal(await isOpen(session), true);
    }
    assert.equal(await isOpen('no-session-of-anybody'), false);
  },

  'ends every session of people from one cloud, and of no other': async ({ issuer, isOpen }) => {
    const ended = [await issuer.open(person(CLOUD1)), await issuer.open(person(CLOUD1, 'carol'))];
    const kept = [await issuer.open(person(CLOUD2)), await issuer.open(person(CLOUD1_ELSEWHERE))];
    await issuer.endAllFrom(CLOUD1);
    for (const session of ended) assert.equal(await isOpen(session), false, 'a session outlived the trust');
    for (const session of kept) assert.equal(await isOpen(session), true, 'a session of another cloud was ended');
  },

  'may be asked to end what has ended, or what never began': async ({ issuer, isOpen }) => {
    await issuer.endAllFrom(CLOUD2);
    const session = await issuer.open(person(CLOUD1));
    await issuer.endAllFrom(CLOUD1);
    await issuer.endAllFrom(CLOUD1);
    assert.equal(await isOpen(session), false);
  },

  'lets people in again once there is trust again': async ({ issuer, isOpen }) => {
    const before = await issuer.open(person(CLOUD1));
    await issuer.endAllFrom(CLOUD1);
    const after = await issuer.open(person(CLOUD1));
    assert.deepEqual([await isOpen(before), await isOpen(after)], [false, true]);
  },

  'takes a person by home and subject: names may be anything, and anybody’s': async ({ issuer, isOpen }) => {
    const twin = { ...person(CLOUD2), displayName: 'Zoë 🦉 <b>', username: person(CLOUD1).username };
    const sessions = [await issuer.open(person(CLOUD1)), await issuer.open(twin)];
    await issuer.endAllFrom(CLOUD1);
    assert.deepEqual([await isOpen(sessions[0] ?? ''), await isOpen(sessions[1] ?? '')], [false, true]);
  },
});

function person(home: Origin, name = 'bob'): ForeignIdentity {
  return { home, subject: `subject-of-${name}`, username: `${name}@${home.host}`, displayName: name };
}
