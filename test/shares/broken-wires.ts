import { expect, vi } from 'vitest';
import type { FederationEvent } from '../../src/host/federation-events.js';
import { Secret } from '../../src/kernel/secret.js';
import { IntrospectToken } from '../../src/shares/outgoing/introspect-token.js';
import { eventually, serviceOf, type TestCloud } from '../support/cloud.js';
import type { Fault, ProxiedConnection } from '../support/fault-proxy.js';
import { type Json, listenTo } from './support.js';
import { TwoClouds } from './two-clouds.js';

/** Faults that leave the same behind: whether what was said arrives although its teller cannot know. */
export interface Round {
  readonly arrives: boolean;
  /** A place below zero counts back from the end of a call that went well, the acceptance of a share. */
  readonly faults: readonly Fault[];
}

/** What is said in one direction at once, one call for each fault, and whether it is known at the other end. */
interface Said {
  readonly from: 'one' | 'two';
  say(): Promise<unknown>;
  isKnown(): Promise<boolean[]>;
}

/** What each side's trail says of a share, and of what each host was told. */
export interface History {
  readonly ours: string[];
  readonly theirs: string[];
  readonly toldHere: string[];
  readonly toldThere: string[];
}

/** A share as both clouds see it in the end, with the token that only this process can know. */
export interface Held {
  readonly id: string;
  readonly shareId: string;
  readonly token: string;
}

interface Side {
  readonly id: string;
  readonly share_id: string;
  readonly state: string;
  readonly permission: string;
  readonly name: string;
  readonly confirmed: boolean;
}

/** Two clouds whose wires break, and what must hold of their shares in spite of it. */
export class BrokenWires {
  private constructor(
    readonly clouds: TwoClouds,
    private readonly told: Record<'one' | 'two', FederationEvent[]>,
    private readonly trust: Json[],
    /** Bytes of a fresh connection on which a share was accepted. */
    private readonly wellDone: ProxiedConnection['bytes'],
  ) {}

  static async start(): Promise<BrokenWires> {
    const clouds = await TwoClouds.start({ through: { kind: 'pass' } });
    await clouds.wires.toOne.dropConnections();
    await clouds.accepted();
    const { bytes } = clouds.wires.toOne.connections.at(-1) ?? {};
    if (!bytes) throw new Error('nothing went through the proxy');
    const told = { one: listenTo(clouds.one), two: listenTo(clouds.two) };
    return new BrokenWires(clouds, told, await trustOf(clouds), { ...bytes });
  }

  stop(): Promise<void> {
    return this.clouds.stop();
  }

  /** What calls from this cloud go through. */
  wireFrom(cloud: 'one' | 'two') {
    return cloud === 'one' ? this.clouds.wires.toTwo : this.clouds.wires.toOne;
  }

  heal(): void {
    for (const cloud of ['one', 'two'] as const) this.wireFrom(cloud).heal();
  }

  async dropConnections(): Promise<void> {
    await Promise.all([this.wireFrom('one').dropConnections(), this.wireFrom('two').dropConnections()]);
  }

  async create(): Promise<Held> {
    const given = vi.spyOn(Secret, 'random');
    const { id, shareId } = await this.clouds.create();
    const { value } = given.mock.results[0] ?? {};
    given.mockRestore();
    if (!(value instanceof Secret)) throw new Error('no token was made');
    return { id, shareId, token: value.reveal() };
  }

  /** Says something on fresh connections, each of which meets its fault; then all that did not get through is told. */
  async under({ faults: meant, arrives }: Round, ...all: readonly Said[]): Promise<void> {
    const faults = meant.map((fault) => this.placed(fault));
    await this.dropConnections();
    await Promise.all(
      all.map(async ({ from, say, isKnown }) => {
        const wire = this.wireFrom(from);
        const before = wire.connections.length;
        wire.script(...faults);
        await say();
        const met = () => wire.connections.slice(before, before + faults.length).filter(({ struck }) => struck);
        await eventually('every fault is met', async () => met().length === faults.length);
        await this.tried(this.clouds[from]);
        expect(met().map(({ fault }) => fault)).toEqual(faults);
        expect(await isKnown()).toEqual(faults.map(() => arrives));
      }),
    );
    await this.clouds.drain();
  }

  private placed(fault: Fault): Fault {
    return 'at' in fault && fault.at < 0 ? { ...fault, at: this.wellDone[fault.way] + fault.at } : fault;
  }

  /** Until what waits on the cloud was tried, and is not being tried just now. */
  private async tried(cloud: TestCloud): Promise<void> {
    await eventually('everything was tried', async () => {
      const open = await cloud.rows(
        `select id from federation.delivery d where state = 'waiting' and (lease_until is not null or reason is null)
           and not exists (select from federation.delivery e
             where e.ordering_key = d.ordering_key and e.state = 'waiting' and e.position < d.position)`,
      );
      return open.length === 0;
    });
  }

  /** The owner's side of the shares, in their order. */
  ours(held: readonly Held[]): Promise<(Side | undefined)[]> {
    return sides(this.clouds.one, 'outgoing_share', held);
  }

  /** The recipient's side of them; undefined where the share has not arrived. @throws Error if one arrived twice */
  theirs(held: readonly Held[]): Promise<(Side | undefined)[]> {
    return sides(this.clouds.two, 'incoming_share', held);
  }

  /** Both agree on what lives and how; a token works exactly while its share is accepted. */
  async expectAgreement(held: readonly Held[]): Promise<void> {
    const introspection = this.clouds.one.get(IntrospectToken);
    const [ours, theirs] = [await this.ours(held), await this.theirs(held)];
    for (const [index, { token }] of held.entries()) {
      const [here, there] = [ours[index], theirs[index]];
      if (!here) throw new Error('a share is gone');
      const isLive =
        ['pending', 'accepted'].includes(here.state) || ['pending', 'accepted'].includes(there?.state ?? '');
      const { state, permission, name } = here;
      if (isLive) expect(there).toMatchObject({ state, permission, name, confirmed: state === 'accepted' });
      else expect(['declined', 'left', 'withdrawn']).toContain(state);
      const worth = state === 'accepted' ? { active: true, scope: permission } : { active: false };
      expect(await introspection.execute(new Secret(token))).toMatchObject(worth);
    }
  }

  /** Each side wrote down, and told its host, each thing once and in order. */
  async expectHistory(held: readonly Held[], history: History): Promise<void> {
    const [one, two] = [held.map(({ id }) => id), (await this.theirs(held)).map((side) => side?.id ?? '')];
    await eventually('all is told', async () =>
      this.eventsOf('two', two).every((list) => list.length >= history.toldThere.length),
    );
    expect(await actionsOf(this.clouds.one, 'outgoing-share', one)).toEqual(one.map(() => history.ours));
    expect(await actionsOf(this.clouds.two, 'incoming-share', two)).toEqual(two.map(() => history.theirs));
    expect(this.eventsOf('one', one)).toEqual(one.map(() => history.toldHere));
    expect(this.eventsOf('two', two)).toEqual(two.map(() => history.toldThere));
  }

  /** How deliveries to the other cloud ended that were not simply delivered. */
  async undelivered(): Promise<Json[]> {
    const sql = `select kind, state, reason from federation.delivery where state <> 'delivered' and kind <> 'host-event'`;
    return (await Promise.all([this.clouds.one.rows(sql), this.clouds.two.rows(sql)])).flat();
  }

  async expectTrust(): Promise<void> {
    expect(await trustOf(this.clouds)).toEqual(this.trust);
  }

  /** Events that this cloud's host was told of each share, every one of them told once. */
  eventsOf(cloud: 'one' | 'two', ids: readonly string[]): string[][] {
    expect(new Set(this.told[cloud].map(({ id }) => id)).size).toBe(this.told[cloud].length);
    return ids.map((id) => this.told[cloud].filter(({ share }) => share === id).map(({ type }) => type));
  }
}

async function trustOf({ one, two }: TwoClouds): Promise<Json[]> {
  const seen = [await serviceOf(one, two.origin), await serviceOf(two, one.origin)];
  return seen.map((service) => ({ id: service?.id, state: service?.state, reason: service?.reason }));
}

async function sides(cloud: TestCloud, table: string, held: readonly Held[]): Promise<(Side | undefined)[]> {
  const ids = held.map(({ shareId }) => shareId);
  const rows = await cloud.rows<Side>(`select * from federation.${table} where share_id = any ($1)`, ids);
  if (new Set(rows.map((row) => row.share_id)).size < rows.length) throw new Error('a share exists twice');
  return ids.map((id) => rows.find((row) => row.share_id === id));
}

async function actionsOf(cloud: TestCloud, kind: string, ids: readonly string[]): Promise<string[][]> {
  const objects = ids.map((id) => `${kind}:${id}`);
  const sql = 'select object, action from federation.audit_entry where object = any ($1) order by at, id';
  const rows = await cloud.rows<{ object: string; action: string }>(sql, objects);
  return objects.map((object) => rows.filter((row) => row.object === object).map(({ action }) => action));
}
