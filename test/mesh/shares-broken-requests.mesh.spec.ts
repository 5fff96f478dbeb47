import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokenWires, type Held } from '../shares/broken-wires.js';

let wires: BrokenWires;
beforeAll(async () => {
  wires = await BrokenWires.start();
});
afterAll(() => wires?.stop());

it.each([
  ['in its head', 100],
  ['in its body', 320],
])('an offer whose end comes %s, while the answer still could come, is made again', async (_, at) => {
  const held: Held[] = [];
  await wires.under(
    { arrives: false, faults: [{ kind: 'half-close', way: 'request', at, inside: true }] },
    {
      from: 'one',
      say: async () => held.push(await wires.create()),
      isKnown: async () => (await wires.theirs(held)).map((side) => side !== undefined),
    },
  );
  expect(await wires.undelivered()).toEqual([]);
  expect((await wires.ours(held)).map((side) => side?.state)).toEqual(['pending']);
});
