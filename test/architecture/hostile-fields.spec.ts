import 'reflect-metadata';
import { getMetadataStorage } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { FederatedAddress } from '../../src/kernel/federated-address.js';
import { validateBody } from '../../src/ocm/validation/validate-body.js';
import { cpuTimeOf } from '../support/cpu-time.js';
import { FILLINGS } from './hostile-texts.js';
import { filesIn, ROOT } from './sources.js';

/** Just below what a whole body may have. */
const LENGTH = 64_000;
const PATIENCE = 50;

type Dto = new () => object;

async function allBodies(): Promise<[string, Dto][]> {
  const modules = await Promise.all(
    filesIn('src', '.dto.ts').map((file) => import(`${ROOT}/${file}`) as Promise<Record<string, unknown>>),
  );
  return modules
    .flatMap((module) => Object.entries(module))
    .filter((entry): entry is [string, Dto] => typeof entry[1] === 'function' && fieldsOf(entry[1] as Dto).length > 0);
}

function fieldsOf(type: Dto): string[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))];
}

/** Milliseconds of the cheapest of three attempts: now and then memory is tidied up. */
function cost(work: () => unknown): number {
  const attempt = () => {
    try {
      work();
    } catch {
      // Whether it is refused is for others to say: here it is how long that takes.
    }
  };
  return Math.min(...[1, 2, 3].map(() => cpuTimeOf(attempt)));
}

describe('a field as long as a whole body', async () => {
  const bodies = await allBodies();

  it('is looked for in every body there is', () => {
    const names = bodies.map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(['PowerFolderShareDto', 'NotificationDto', 'OfferShareDto']));
    expect(bodies.flatMap(([, type]) => fieldsOf(type)).length).toBeGreaterThan(40);
  });

  it.each(bodies)('is judged at once in %s, whatever is repeated in it', (_, type) => {
    const slow = fieldsOf(type).flatMap((field) =>
      FILLINGS.flatMap(([what, fill]) => {
        const text = fill(LENGTH);
        const texts: [string, unknown][] = [
          [field, text],
          [`${field}[]`, Array(20).fill(text.slice(0, LENGTH / 20))],
        ];
        return texts.flatMap(([name, value]) => {
          const ms = cost(() => validateBody(type, { [field]: value }, { unknownProperties: 'refuse' }));
          return ms > PATIENCE ? [`${name}, ${what}: ${Math.round(ms)} ms`] : [];
        });
      }),
    );
    expect(slow).toEqual([]);
  });

  it.each(bodies)('is judged at once in %s, however many things it holds', (_, type) => {
    const many = [{}, '', 'a', 0, null, [], { name: 'x' }].map((each) => Array(20_000).fill(each) as unknown[]);
    // Whoever reads objects in a list, such as the protocols of an offer, sees to it that there are few.
    const fields = fieldsOf(type).filter((field) => !['protocol', 'policy'].includes(field));
    const slow = fields.flatMap((field) =>
      many.flatMap((value) => {
        const ms = cost(() => validateBody(type, { [field]: value }, { unknownProperties: 'refuse' }));
        return ms > PATIENCE ? [`${field} of ${JSON.stringify(value[0])}: ${Math.round(ms)} ms`] : [];
      }),
    );
    expect(slow).toEqual([]);
  });

  it('is no address, and that is said at once', () => {
    for (const [what, fill] of FILLINGS) {
      expect(
        cost(() => FederatedAddress.tryParse(fill(LENGTH))),
        what,
      ).toBeLessThan(PATIENCE);
      expect(FederatedAddress.tryParse(fill(LENGTH)), what).toBeUndefined();
    }
  });
});
