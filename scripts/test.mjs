import { buildIfStale } from './support/build.mjs';
import { CHECKS, check, PACKAGE_CHECKS } from './support/checks.mjs';
import { runTests } from './support/vitest.mjs';

/**
 * `npm test`: every check of the code's text, the build and the package made of it, then every test. Each check counts
 * as one test in the closing line, which is the last thing printed. Arguments go to vitest: `npm test -- test/trust`.
 */
const build = async () => {
  const { ok, output } = await buildIfStale();
  return { code: ok ? 0 : 1, output };
};
const since = performance.now();
const all = (checks) => Promise.all(Object.entries(checks).map(([name, work]) => check(name, work)));
const built = check('build', build).then(async (ok) => [ok, ...(await all(PACKAGE_CHECKS))]);
const results = (await Promise.all([all(CHECKS), built])).flat();
const tests = await runTests(process.argv.slice(2));

const passed = results.filter(Boolean).length + tests.passed;
const failed = results.filter((ok) => !ok).length + tests.failed;
process.stdout.write(`\nall of it took ${Math.round((performance.now() - since) / 1000)} s\n`);
process.stdout.write(`${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 ? 1 : 0;
