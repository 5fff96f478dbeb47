import { expect, it } from 'vitest';
import { ERROR_KINDS } from '../../src/kernel/federation-error.js';
import { STATUS_OF_KIND } from '../../src/ocm/http/ocm-error.filter.js';
import { codeOf, filesIn } from './sources.js';

it('gives every kind of error a status, and no status to anything else', () => {
  expect(Object.keys(STATUS_OF_KIND).sort()).toEqual([...ERROR_KINDS].sort());
});

it('says with every status that the caller, a switch or an outage is to blame', () => {
  const odd = Object.entries(STATUS_OF_KIND).filter(([, status]) => !(status >= 400 && status < 500) && status < 501);
  expect(odd).toEqual([]);
});

/** Where answers are spelt: the filter, and what answers before there is a route. */
const EDGE = ['src/ocm/http/', 'src/operations/'];

it('throws what happened, never a status: the edge alone spells it', () => {
  const spelling = filesIn('src', '.ts').filter((file) => /\b\w*HttpException\b|\bHttpStatus\b/.test(codeOf(file)));
  expect(spelling.filter((file) => !EDGE.some((room) => file.startsWith(room)))).toEqual([]);
});
