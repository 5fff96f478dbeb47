/** What makes characters, code units and bytes three different numbers. */
export const UNITS: readonly (readonly [name: string, unit: string])[] = [
  ['letters', 'a'],
  ['emoji of four bytes', '\u{1f600}'],
  ['letters with a combining accent', 'e\u0301'],
  ['letters with a variation selector', 'a\ufe0f'],
];

/** A text of exactly so many bytes of UTF-8, as many units as fit and letters. */
export function fill(unit: string, bytes: number): string {
  const each = Buffer.byteLength(unit);
  return 'a'.repeat(bytes % each) + unit.repeat(Math.floor(bytes / each));
}
