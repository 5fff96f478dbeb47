/** A map of bounded size: what was not asked for longest goes first. */
export class LeastRecentlyUsed<V> {
  readonly #entries = new Map<string, V>();

  constructor(
    private readonly limit: number,
    private readonly dispose: (value: V) => void = () => undefined,
  ) {}

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): V {
    this.#entries.set(key, value);
    const [oldest] = this.#entries;
    if (oldest && this.#entries.size > this.limit) {
      this.#entries.delete(oldest[0]);
      this.dispose(oldest[1]);
    }
    return value;
  }

  /** Disposes of everything. */
  clear(): void {
    const values = [...this.#entries.values()];
    this.#entries.clear();
    for (const value of values) this.dispose(value);
  }
}
