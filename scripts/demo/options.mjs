import path from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/repository.mjs';

export const USAGE = `npm run demo -- [--once] [--data DIR] [--ports A,B]

  --once       end when every step was taken: 0 if all of them held, 1 if one did not
  --data DIR   where the two clouds live (default: data)
  --ports A,B  where they listen (default: 8441,8442)`;

/**
 * @param {string[]} args
 * @returns {{ once: boolean, data: string, ports: [number, number] }}
 * @throws {TypeError} with a sentence for whoever typed them
 */
export function parseOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      once: { type: 'boolean', default: false },
      data: { type: 'string', default: 'data' },
      ports: { type: 'string', default: '8441,8442' },
    },
  });
  const ports = values.ports.split(',').map(Number);
  if (ports.length !== 2 || ports[0] === ports[1] || !ports.every(isPort)) {
    throw new TypeError(`--ports is "${values.ports}": it must be two different ports, such as 8441,8442`);
  }
  return { once: values.once, data: path.resolve(ROOT, values.data), ports };
}

/** @param {number} port */
function isPort(port) {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
