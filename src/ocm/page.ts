/** Lists for peers are cut into pages of this size. */
export const PAGE_SIZE = 50;

/** One page of a list: `number` counts from 1, `total` is the length of the whole list. */
export interface Page {
  readonly number: number;
  readonly size: number;
  readonly total: number;
}

export function pageHref(path: string, number: number): string {
  return `${path}?page=${number}`;
}
