import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { ROOT, SERVER } from './repository.mjs';

/** What a server inherits from us. Settings of ours in the caller's environment are not meant for it. */
const INHERITED = ['PATH', 'HOME', 'USER', 'TMPDIR', 'TZ', 'LANG', 'LC_ALL', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];

/** A server that does not stop by itself within this time is killed. Milliseconds. */
const PATIENCE = 15_000;
const REMEMBERED_LINES = 15;

const END_WITH_PARENT = pathToFileURL(path.join(import.meta.dirname, 'end-with-parent.mjs')).href;

/** Everything that we have started and that has not ended yet. */
const running = new Set();
process.on('exit', () => {
  for (const server of running) server.kill();
});

/** One server in a process of its own: `node dist/main.js`, or another program, under the settings given and nothing else. */
export class ServerProcess {
  #child;
  #lastLines = [];
  #stopping = false;

  /**
   * @param {{ name: string, settings: Record<string, string>, logFile: string, onLine?: (line: string) => void, program?: string }} options
   * `logFile` is written anew.
   */
  constructor({ name, settings, logFile, onLine, program = SERVER }) {
    this.name = name;
    this.logFile = logFile;
    const inherited = Object.fromEntries(
      INHERITED.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : [])),
    );
    const env = { ...inherited, ...settings };
    // A group of its own: Ctrl-C reaches us alone, and we ask it to stop, once.
    this.#child = spawn(process.execPath, ['--import', END_WITH_PARENT, program], {
      cwd: ROOT,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(this);
    this.#keepLines(createWriteStream(logFile, { mode: 0o600 }), onLine);
    /** Resolves to how it ended, as a sentence. */
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(`it could not be started (${error.message})`));
      this.#child.on('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
    }).then((how) => {
      running.delete(this);
      this.endedBecause = how;
      return how;
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Set once the process has ended without having been asked to. */
  get diedBecause() {
    return this.#stopping ? undefined : this.endedBecause;
  }

  /** The end of its log. */
  get tail() {
    return this.#lastLines.join('\n');
  }

  /** Asks it to stop, insists after a while, and waits until it has. */
  async stop() {
    this.#stopping = true;
    if (this.endedBecause) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), PATIENCE);
    await this.ended;
    clearTimeout(timer);
  }

  kill() {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
  }

  #keepLines(log, onLine) {
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.pipe(log, { end: false });
      createInterface({ input: stream }).on('line', (line) => {
        this.#lastLines.push(line);
        if (this.#lastLines.length > REMEMBERED_LINES) this.#lastLines.shift();
        onLine?.(line);
      });
    }
  }
}
