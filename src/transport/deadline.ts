import { TransportFailure } from './transport-failure.js';

/**
 * A signal that ends after some milliseconds, or with the caller's own signal. `clear()` must be called when the work is
 * done. Not built with `AbortSignal.any`: on Node 20 that leaves something behind on a long-lived signal for every call.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #giveUp = () => this.#end('given up by the caller');

  constructor(
    milliseconds: number,
    private readonly outer?: AbortSignal,
  ) {
    this.#timer = setTimeout(() => this.#end(`no answer within ${milliseconds} ms`), milliseconds);
    outer?.addEventListener('abort', this.#giveUp, { once: true });
    if (outer?.aborted) this.#giveUp();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.outer?.removeEventListener('abort', this.#giveUp);
  }

  /** The promise's outcome, or the failure `timeout` if the deadline is first; the work itself is then left to itself. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    let ended: () => void = () => undefined;
    const end = new Promise<never>((_, reject) => {
      ended = () => reject(signal.reason);
      signal.addEventListener('abort', ended);
      if (signal.aborted) ended();
    });
    return Promise.race([end, work]).finally(() => signal.removeEventListener('abort', ended));
  }

  #end(why: string): void {
    this.#controller.abort(new TransportFailure('timeout', why));
  }
}
