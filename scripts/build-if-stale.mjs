import { buildIfStale } from './support/build.mjs';

/** What `npm start` and others call first: builds only what has changed since the last build. */
const { built, ok, output } = await buildIfStale();
if (!ok) process.stderr.write(output);
else if (built) process.stderr.write('built dist/\n');
process.exitCode = ok ? 0 : 1;
