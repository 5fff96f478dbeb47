/**
 * A body as it comes in, in one piece of memory. Chunks kept one by one cost a hundred times their size if a peer sends a
 * byte in each, and hold on to all that was read beside them.
 */
export class BodyBytes {
  #memory = Buffer.alloc(0);
  #length = 0;

  add(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#memory.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#memory.length, 1024));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    this.#memory.set(chunk, this.#length);
    this.#length = needed;
  }

  /** What has come so far. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }
}
