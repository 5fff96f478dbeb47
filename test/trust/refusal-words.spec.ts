import { describe, expect, it } from 'vitest';
import { REFUSAL_REASONS } from '../../src/access/audit/refusal.dto.js';
import { REFUSALS } from '../../src/trust/verdict.js';
import { filesIn, read } from '../architecture/sources.js';

const explained = Object.keys(REFUSAL_REASONS);

describe('the words that refusals are counted under', () => {
  it('are all explained in the documents of the operator API', () => {
    const counted = filesIn('src', '.ts').flatMap((file) =>
      [...read(file).matchAll(/refusals\.(?:count|isNews)\('([\w-]+)'/g)].map(([, word]) => word),
    );
    expect(counted.length).toBeGreaterThan(3);
    expect([...REFUSALS, ...counted].filter((word) => !explained.includes(word ?? ''))).toEqual([]);
  });

  it('are all explained to whoever is on duty', () => {
    const manual = read('docs/operations.md');
    const chapter = manual.slice(manual.indexOf('## A peer is not let in'), manual.indexOf('## States and reasons'));
    expect(explained.filter((word) => !chapter.includes(`\`${word}\``))).toEqual([]);
  });
});
