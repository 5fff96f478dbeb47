import { LeastRecentlyUsed } from '../transport/least-recently-used.js';

/** Says of each key whether its time has come again: at most once in so many milliseconds. Remembers the latest `size` keys. */
export class Seldom {
  private readonly last: LeastRecentlyUsed<number>;

  constructor(
    private readonly interval: number,
    size: number,
  ) {
    this.last = new LeastRecentlyUsed(size);
  }

  isDue(key: string): boolean {
    const now = performance.now();
    const last = this.last.get(key);
    if (last !== undefined && now - last < this.interval) return false;
    this.last.set(key, now);
    return true;
  }
}
