import { CHECKS, check } from './support/checks.mjs';

/** `npm run check`: what to run before every commit. Types, format, lint and arrows, side by side. */
const passed = await Promise.all(['types', 'format', 'lint', 'arrows'].map((name) => check(name, CHECKS[name])));
process.exitCode = passed.every(Boolean) ? 0 : 1;
