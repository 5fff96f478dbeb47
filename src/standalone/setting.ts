/** A setting's text is not what it should be; the message completes "NAME must be …". */
export class Unsuitable extends Error {
  constructor(readonly expected: string) {
    super(expected);
    this.name = 'Unsuitable';
  }
}

/** One setting of the environment, as data: what `.env.example` says of it, and how its text becomes a value. */
export interface Setting<T = unknown> {
  /** The text that stands for an unset setting; without one, unset means undefined. */
  readonly preset?: string;
  /** What it means, and what holds when it is not set. */
  readonly comment: string;
  /** How much of a bad text may be shown: all of it, all but the credentials in it, or nothing. Default: all. */
  readonly shown?: 'all' | 'without-credentials' | 'nothing';
  /** @throws Unsuitable */
  readonly parse: (text: string) => T;
}

export type Values<Table extends Readonly<Record<string, Setting>>> = {
  readonly [Name in keyof Table]:
    | ReturnType<Table[Name]['parse']>
    | (Table[Name] extends { readonly preset: string } ? never : undefined);
};

/** Settings that cannot be worked with: all of them, not only the first. */
export class SettingsRefused extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsRefused';
  }
}

/** Collects what is wrong, so that one start tells everything. */
export class Problems {
  private readonly found: string[] = [];

  add(problem: string): void {
    this.found.push(problem);
  }

  /** Runs the work; an `Unsuitable` becomes a problem of that setting, and the answer undefined. */
  of<T>(name: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Unsuitable)) throw error;
      this.add(`${name} ${error.expected}`);
      return undefined;
    }
  }

  /** @throws SettingsRefused if there is any. */
  check(): void {
    if (this.found.length > 0) throw new SettingsRefused(this.found);
  }
}

/**
 * The values of a table's settings. An empty text counts as not set, as container tools write it.
 * Bad ones become problems, and are undefined in the answer: check the problems before using it.
 */
export function readSettings<Table extends Readonly<Record<string, Setting>>>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
  problems: Problems,
): Values<Table> {
  const values = Object.entries(table).map(([name, setting]) => {
    const text = environment[name]?.trim() || setting.preset;
    if (text === undefined) return [name, undefined];
    return [name, problems.of(`${name} is ${shown(setting, text)}: it`, () => setting.parse(text))];
  });
  return Object.fromEntries(values) as Values<Table>;
}

function shown({ shown: how = 'all' }: Setting, text: string): string {
  if (how === 'nothing') return '"****"';
  return JSON.stringify(how === 'all' ? text : withoutCredentials(text));
}

/** Whatever stands before the last `@` may be a password, even in an address that is not well formed. */
function withoutCredentials(text: string): string {
  return text.replace(/\/\/.*@/s, '//****@').replace(/(password=)[^&]*/gi, '$1****');
}
