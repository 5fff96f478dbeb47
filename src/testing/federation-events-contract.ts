import assert from 'node:assert/strict';
import { type FederationEvent, type FederationEvents, randomId } from '../index.js';
import { contractOf, type UnderTest } from './contract.js';

export interface FederationEventsUnderTest extends UnderTest {
  readonly events: FederationEvents;
  /** Whether the event of this id has arrived where the adapter brings events. */
  hasHeard(id: string): Promise<boolean>;
}

const TYPES: Readonly<Record<FederationEvent['type'], string | undefined>> = {
  'share-invited': undefined,
  'share-accepted': undefined,
  'share-declined': undefined,
  'share-left': undefined,
  'share-withdrawn': undefined,
  'share-changed': undefined,
  'share-expired': undefined,
  'share-undeliverable': 'NOT_FOUND',
};

/** What every `FederationEvents` must do: `federationEventsContract({ describe, it }, () => …)`. */
export const federationEventsContract = contractOf<FederationEventsUnderTest>('FederationEvents', {
  'has brought an event of every type to its place when it resolves': async ({ events, hasHeard }) => {
    for (const [type, reason] of Object.entries(TYPES)) {
      const told = { ...event(), type: type as FederationEvent['type'], reason };
      assert.equal(await hasHeard(told.id), false);
      await events.tell(told);
      assert.equal(await hasHeard(told.id), true, `${type} did not arrive`);
    }
  },

  'takes the same event again: it is told until we know that it was heard': async ({ events, hasHeard }) => {
    const told = event();
    await events.tell(told);
    await events.tell({ ...told });
    assert.equal(await hasHeard(told.id), true);
  },

  'takes events of accounts that are gone, and names as people write them': async ({ events, hasHeard }) => {
    for (const name of ['', 'Zoë’s 🦉', '<script>', 'a\nb', '%s %d', 'x'.repeat(1_000)]) {
      const told = { ...event(), account: 'nobody-any-more', name };
      await events.tell(told);
      assert.equal(await hasHeard(told.id), true, `the folder ${JSON.stringify(name.slice(0, 20))}`);
    }
  },

  'takes several at once': async ({ events, hasHeard }) => {
    const many = Array.from({ length: 10 }, event);
    await Promise.all(many.map((one) => events.tell(one)));
    assert.deepEqual(
      await Promise.all(many.map(({ id }) => hasHeard(id))),
      many.map(() => true),
    );
  },
});

function event(): FederationEvent {
  return {
    id: randomId(),
    type: 'share-accepted',
    account: 'account-1',
    share: randomId(),
    name: 'Summer plans',
    counterpart: 'bob@cloud2.example',
  };
}
