import { failureOf, type TransportFailure } from './transport-failure.js';

/** What a call to a peer goes through, in this order. */
export type WalkStep = 'name' | 'address' | 'connect' | 'tls' | 'certificate' | 'answer';

/** How one step ended: with what it found, or with a failure. */
export interface WalkedStep {
  readonly step: WalkStep;
  readonly milliseconds: number;
  /** For people; without secrets. */
  readonly found?: string;
  readonly failure?: TransportFailure;
}

/**
 * The steps of one call, written down as they end. Every connection is opened by taking them, whether or not somebody reads
 * what they found: a test of a peer cannot differ from a real call.
 */
export class Walk {
  readonly #steps: WalkedStep[] = [];
  #underway: WalkStep = 'answer';
  #since = performance.now();

  /** The steps that have ended so far. */
  get steps(): readonly WalkedStep[] {
    return [...this.#steps];
  }

  /** Takes a step. @param describe says what it found. @throws TransportFailure */
  async take<T>(step: WalkStep, work: () => T | Promise<T>, describe: (outcome: T) => string): Promise<T> {
    this.#underway = step;
    this.#since = performance.now();
    try {
      const outcome = await work();
      this.#end(step, { found: describe(outcome) });
      return outcome;
    } catch (error) {
      const failure = failureOf(error, 'connect');
      this.#end(step, { failure });
      throw failure;
    }
  }

  /** The peer has answered. */
  answered(status: number): void {
    this.#end('answer', { found: `status ${status}` });
  }

  /** The call is over without an answer; whichever step was under way has failed, unless it has said so itself. */
  gaveUp(failure: TransportFailure): void {
    if (!this.#steps.some((ended) => ended.failure)) this.#end(this.#underway, { failure });
  }

  #end(step: WalkStep, outcome: Pick<WalkedStep, 'found' | 'failure'>): void {
    const now = performance.now();
    this.#steps.push({ step, milliseconds: Math.round(now - this.#since), ...outcome });
    this.#since = now;
    this.#underway = 'answer';
  }
}
