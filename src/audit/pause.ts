/** A wait that can be cut short, and that does not keep the process alive. */
export class Pause {
  private resume: (() => void) | undefined;
  private ended = false;

  /** Waits; not at all if `end()` was called since the last wait. */
  async begin(milliseconds: number): Promise<void> {
    if (!this.ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds).unref();
        this.resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.resume = undefined;
    this.ended = false;
  }

  end(): void {
    this.ended = true;
    this.resume?.();
  }
}
