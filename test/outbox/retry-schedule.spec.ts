import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitAfter } from '../../src/outbox/retry-schedule.js';

const WAITS = [30, 120, 480, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200];
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the wait before the next attempt', () => {
  it.each(WAITS.map((wait, at) => [at + 1, wait]))('after attempt %i is %i seconds, ± 30 %%', (attempt, wait) => {
    fc.assert(
      fc.property(random, (jitter) => {
        const seconds = waitAfter(attempt, jitter);
        expect(seconds).toBeGreaterThanOrEqual(wait * 0.7 - 1e-6);
        expect(seconds).toBeLessThanOrEqual(wait * 1.3);
      }),
    );
    expect(waitAfter(attempt, 0)).toBeCloseTo(wait * 0.7);
    expect(waitAfter(attempt, 0.5)).toBeCloseTo(wait);
  });

  it('stays at twelve hours for as long as it takes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 1_000_000 }), (attempt) => {
        expect(waitAfter(attempt, 0.5)).toBeCloseTo(43_200);
      }),
    );
  });

  it('is longer if the peer asks, never shorter, and at most a day', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        random,
        fc.double({ min: 0, noNaN: true }),
        (attempt, jitter, asked) => {
          const seconds = waitAfter(attempt, jitter, asked);
          expect(seconds).toBeGreaterThanOrEqual(waitAfter(attempt, jitter));
          expect(seconds).toBeGreaterThanOrEqual(Math.min(asked, 86_400));
          expect(seconds).toBeLessThanOrEqual(86_400);
        },
      ),
    );
  });

  it('is never nothing, whatever the peer says', () => {
    for (const asked of [0, -1, Number.NEGATIVE_INFINITY]) expect(waitAfter(1, 0, asked)).toBeCloseTo(21);
  });

  it('tells two clouds apart: the same failure does not bring both back at once', () => {
    const waits = new Set(Array.from({ length: 50 }, () => Math.round(waitAfter(3, Math.random()))));
    expect(waits.size).toBeGreaterThan(20);
  });
});
