import { describe, expect, it } from 'vitest';
import { attemptCall, judgeAnswer } from '../../src/outbox/judge-answer.js';
import type { PeerAnswer } from '../../src/transport/peer-answer.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { PeerEndpoint } from '../../src/transport/peer-endpoint.js';
import { TransportFailure } from '../../src/transport/transport-failure.js';

function answer(status: number, more: Partial<PeerAnswer> = {}): PeerAnswer {
  return { status, headers: {}, body: undefined, bodyBytes: 0, serverPin: '', serverValidUntil: new Date(), ...more };
}

describe('what an answer means for the delivery', () => {
  it.each([200, 201, 202, 204, 299])('%i is a yes, whatever its body', (status) => {
    for (const body of [undefined, null, [], 'x', { message: 'STATE_CONFLICT' }]) {
      expect(judgeAnswer(answer(status, { body })).kind).toBe('delivered');
    }
  });

  it.each([400, 404, 405, 409, 410, 413, 415, 422, 501])('%i is a no for good, named by its code', (status) => {
    expect(judgeAnswer(answer(status, { body: { message: 'SHARE_CONFLICT' } }))).toMatchObject({
      kind: 'refused',
      code: 'SHARE_CONFLICT',
    });
    for (const body of [undefined, '<html>', { message: 'no code at all' }, { message: 7 }, [{ message: 'A' }]]) {
      expect(judgeAnswer(answer(status, { body }))).toMatchObject({ kind: 'refused', code: `HTTP_${status}` });
    }
  });

  it.each([301, 302, 307, 304, 401, 402, 406, 408, 418, 421, 425, 429, 431, 500, 502, 503, 504, 507])(
    '%i may pass: again later',
    (status) => {
      expect(judgeAnswer(answer(status, { retryAfterSeconds: 9 }))).toMatchObject({
        kind: 'retry',
        retryAfterSeconds: 9,
      });
    },
  );

  it('a 403 is a no, unless we are only suspended', () => {
    expect(judgeAnswer(answer(403))).toMatchObject({ kind: 'refused', code: 'HTTP_403' });
    expect(judgeAnswer(answer(403, { body: { message: 'NOT_ALLOWED' } })).kind).toBe('refused');
    expect(judgeAnswer(answer(403, { body: { message: 'SUSPENDED' } })).kind).toBe('retry');
  });

  it('a kind of delivery may know further statuses that are final', () => {
    expect(judgeAnswer(answer(401), { alsoFinal: [401] })).toMatchObject({ kind: 'refused', code: 'HTTP_401' });
  });
});

describe('a call that gets no answer', () => {
  const endpoint = {} as PeerEndpoint;
  const call = { method: 'POST', path: '/shares' } as const;
  const failing = (error: Error): PeerClient =>
    Object.assign(Object.create(PeerClient.prototype) as PeerClient, { send: () => Promise.reject(error) });

  it('is made again, for the reason of the failure', async () => {
    const client = failing(new TransportFailure('timeout', 'no answer'));
    expect(await attemptCall(client, endpoint, call)).toEqual({ kind: 'retry', reason: 'timeout' });
  });

  it('is an error of ours if it was never a call', async () => {
    await expect(attemptCall(failing(new TypeError('a path')), endpoint, call)).rejects.toThrow('a path');
  });
});
