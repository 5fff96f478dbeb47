import { stat } from 'node:fs/promises';

/** Something that is made of files, and may have to be made anew while it is in use. */
export interface FileBacked<T> {
  readonly files: readonly string[];
  /** @throws Error if the files cannot be used as they are. */
  read(): T | Promise<T>;
  /** Puts it to use, unless it is in use already. @throws Error if it cannot be used: what was in use stays. */
  use(value: T): void;
  /** Whether it is time to read although no file has changed. */
  isDue?(): boolean;
  /** The files cannot be used. Once for each change, and whenever somebody insisted. */
  warn(why: string): void;
  /** The same for those who do not read the log. Once more at the next look if it rejects. */
  raise(why: string): Promise<void>;
  /** They can be used: at the start, or after they could not. As above if it rejects. */
  settle(): Promise<void>;
}

/**
 * Looks whether files have changed: written, replaced, or behind another link. What can be used is used at once. What
 * cannot may be half of a change: it is told of if it is still the same at the next look, or if somebody insists.
 */
export class WatchedFiles<T> {
  /** What the files looked like: as they are in use, as they could not be used, as that was logged and raised. */
  private inUse: string | undefined;
  private unusable: string | undefined;
  private warned: string | undefined;
  private raised: string | undefined;
  private looking = Promise.resolve();

  constructor(private readonly backed: FileBacked<T>) {}

  /** One look after the other. Rejects only if what it found could not be told; the next look tells it then. */
  look(insist = false): Promise<void> {
    const look = this.looking.then(() => this.lookOnce(insist));
    this.looking = look.catch(() => undefined);
    return look;
  }

  /** Resolves when no look is under way. */
  idle(): Promise<void> {
    return this.looking;
  }

  private async lookOnce(insist: boolean): Promise<void> {
    // Before they are read: whatever comes after this is another change.
    const seen = await appearanceOf(this.backed.files);
    const isKnown = seen === this.raised || (seen === this.inUse && this.unusable === undefined);
    if (isKnown && !insist && !this.backed.isDue?.()) return;
    try {
      this.backed.use(await this.backed.read());
    } catch (error) {
      return this.complain(error, seen, insist);
    }
    if (this.inUse === undefined || this.unusable !== undefined) await this.backed.settle();
    this.inUse = seen;
    this.unusable = this.warned = this.raised = undefined;
  }

  private async complain(error: unknown, seen: string, insist: boolean): Promise<void> {
    const isHalf = seen !== this.unusable && !insist;
    this.unusable = seen;
    if (isHalf) return;
    const why = error instanceof Error ? error.message : String(error);
    if (seen !== this.warned || insist) this.backed.warn(why);
    this.warned = seen;
    if (seen !== this.raised || insist) await this.backed.raise(why);
    this.raised = seen;
  }
}

/** Of the files that names lead to in the end. The time of a change cannot be set back, unlike that of a modification. */
async function appearanceOf(files: readonly string[]): Promise<string> {
  const appearances = files.map(async (file) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join('.');
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unknown';
    }
  });
  return (await Promise.all(appearances)).join(' ');
}
