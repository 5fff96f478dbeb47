import { expect, it } from 'vitest';
import { certificateStage } from '../../src/trust/certificate-stage.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const DAY_S = 86_400;
const inSeconds = (seconds: number) => certificateStage(new Date(NOW.getTime() + seconds * 1000), NOW);

it.each([
  [30, 14, 'warning'],
  [14, 7, 'warning'],
  [7, 1, 'critical'],
  [1, 0, 'critical'],
])('a certificate is told of from exactly %i days before its end, until %i', (days, next, level) => {
  expect(inSeconds(days * DAY_S)).toEqual({ stage: String(days), level, days });
  expect(inSeconds(days * DAY_S + 1)?.stage).not.toBe(String(days));
  expect(inSeconds(next * DAY_S + (next ? 1 : 0))).toMatchObject({ stage: String(days), days: next });
});

it('a certificate with more than 30 days is not told of', () => {
  expect(inSeconds(30 * DAY_S + 1)).toBeUndefined();
  expect(inSeconds(365 * DAY_S)).toBeUndefined();
});

it('a certificate has ended a moment after its last second, and for ever', () => {
  expect(inSeconds(0)?.stage).toBe('1');
  for (const seconds of [-0.001, -1, -400 * DAY_S]) {
    expect(inSeconds(seconds)).toEqual({ stage: 'ended', level: 'critical', days: 0 });
  }
});
