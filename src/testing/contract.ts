/** `describe` and `it` of vitest, Jest, Mocha or node:test. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, test: () => Promise<void>): unknown;
}

/** What a contract is tried on: made anew for every test. */
export interface UnderTest {
  /** Gives back what the adapter holds: connections, folders. */
  close?(): Promise<void>;
}

type Clause<T> = (subject: T) => Promise<void>;

/** The clauses of a port, each a test of its own. Their failures are assertion errors of node:assert. */
export function contractOf<T extends UnderTest>(
  port: string,
  clauses: Readonly<Record<string, Clause<T>>>,
): (runner: TestRunner, make: () => T | Promise<T>) => void {
  return ({ describe, it }, make) => {
    describe(`contract of ${port}`, () => {
      for (const [name, clause] of Object.entries(clauses)) it(name, () => tryOn(make, clause));
    });
  };
}

async function tryOn<T extends UnderTest>(make: () => T | Promise<T>, clause: Clause<T>): Promise<void> {
  const subject = await make();
  try {
    await clause(subject);
  } finally {
    await subject.close?.();
  }
}
