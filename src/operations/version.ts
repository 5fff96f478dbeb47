import { createRequire } from 'node:module';

const { version }: { version: string } = createRequire(import.meta.url)('../../package.json');

/** The version of this package. */
export const VERSION = version;
