/** How often a terminal and a file are told, in milliseconds. */
const TERMINAL = 200;
const FILE = 5_000;

/** One line on standard error that says how far it is. On a terminal it is written over, elsewhere there are few of them. */
export class Progress {
  #since = performance.now();
  #told = -Infinity;
  #share = 0;
  #done = 0;

  /** @param {{ stream?: NodeJS.WriteStream }} [options] */
  constructor({ stream = process.stderr } = {}) {
    this.stream = stream;
  }

  get seconds() {
    return (performance.now() - this.#since) / 1000;
  }

  /**
   * @param {number} done accounts
   * @param {string} of what of the whole that is, in words
   * @param {number} [share] 0 to 1; undefined if nobody knows
   */
  tell(done, of, share) {
    this.#done = done;
    this.#share = share ?? 0;
    if (performance.now() - this.#told < (this.stream.isTTY ? TERMINAL : FILE)) return;
    this.#told = performance.now();
    const left = share ? ` (${Math.floor(share * 100)} %), ${this.#left()} left` : '';
    this.#write(`${count(done)} accounts, ${of}${left}, ${count(this.#rate())}/s`);
  }

  /** Something to keep, such as a line that was refused: it stays above. */
  note(text, stream = this.stream) {
    if (this.stream.isTTY) this.stream.write('\r\x1b[K');
    stream.write(`${text}\n`);
  }

  /** @param {string} how */
  end(how) {
    this.note(`${how} in ${this.seconds.toFixed(1)} s, ${count(this.#rate())} accounts/s`);
  }

  #rate() {
    return Math.round(this.#done / Math.max(this.seconds, 0.001));
  }

  #left() {
    const seconds = Math.ceil((this.seconds / this.#share) * (1 - this.#share));
    return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  }

  #write(text) {
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  }
}

/** @param {number} number */
export function count(number) {
  return number.toLocaleString('en-US');
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return (bytes / 1_000_000).toFixed(1);
}
