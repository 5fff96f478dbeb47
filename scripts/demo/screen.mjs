/** A wait longer than this says what it waits for, again and again. Milliseconds. */
const SILENCE = 2_000;

/** A step that did not hold, and why, in words. */
export class StepFailed extends Error {}

/** What the demo prints: numbered steps, and below each one the calls that it consists of. */
export class Screen {
  #steps = 0;
  #calls = 0;
  #since = performance.now();

  get steps() {
    return this.#steps;
  }

  get calls() {
    return this.#calls;
  }

  get seconds() {
    return ((performance.now() - this.#since) / 1000).toFixed(1);
  }

  /** @param {string} text */
  say(text) {
    process.stdout.write(`${text}\n`);
  }

  /** @param {string} text */
  detail(text) {
    this.say(`     ${text}`);
  }

  /**
   * One step. Whatever goes wrong in it is reported under its name.
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(name, work) {
    const title = `${++this.#steps}. ${name}`;
    this.say(`\n${title}`);
    try {
      return await work();
    } catch (error) {
      const why = error instanceof StepFailed ? error.message : (error.stack ?? String(error));
      throw new StepFailed(`step ${title}: ${why}`);
    }
  }

  /**
   * One HTTP exchange.
   * @param {{ from: string, to: string, method: string, path: string, status: number | string, note?: string }} call
   */
  call({ from, to, method, path, status, note = '' }) {
    this.#calls++;
    const who = `${from.padEnd(8)} → ${to}`;
    this.detail(`${who}  ${`${method} ${path}`.padEnd(52)} → ${status}${note ? `  ${note}` : ''}`);
  }

  /**
   * Asks again and again until there is an answer. What a broken server answers is no answer.
   * @template T
   * @param {string} what what is waited for, as in "waiting for …"
   * @param {() => Promise<T | undefined> | T | undefined} ask
   * @param {number} [seconds]
   * @returns {Promise<T>}
   */
  async until(what, ask, seconds = 20) {
    const begun = performance.now();
    let said = begun;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      const now = performance.now();
      if (now - begun > seconds * 1000) throw new StepFailed(`waited ${seconds} s for ${what}, in vain`);
      if (now - said > SILENCE) {
        this.detail(`… waiting for ${what} (${Math.round((now - begun) / 1000)} s)`);
        said = now;
      }
      await new Promise((resolve) => setTimeout(resolve, 75));
    }
  }
}
