const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Seconds to wait after the first, second, … attempt; the last one repeats. */
const WAITS = [30 * SECOND, 2 * MINUTE, 8 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR];

/** Longest wait that a peer may ask for with Retry-After, in seconds. */
const RETRY_AFTER_MAX = 24 * HOUR;

/**
 * Seconds until the next attempt. Spread over ± 30 %, so that the queues of many clouds do not come back at once.
 * @param attempt how many attempts were made, from 1
 * @param random in [0, 1)
 * @param retryAfterSeconds what the peer asked for: makes the wait longer, never shorter
 */
export function waitAfter(attempt: number, random: number, retryAfterSeconds = 0): number {
  const base = WAITS[Math.min(Math.max(attempt, 1), WAITS.length) - 1] ?? 0;
  return Math.max(base * (0.7 + 0.6 * random), Math.min(retryAfterSeconds, RETRY_AFTER_MAX));
}
