import { CertificateAuthority } from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { establishTrust, eventually, freePort, TestCloud } from '../support/cloud.js';
import { type Fault, FaultProxy } from '../support/fault-proxy.js';
import { deliverNow, type Incoming, incoming, type Json, type Outgoing, outgoing } from './support.js';

export interface TwoCloudsSetup {
  /** Each cloud's listener for peers stands behind a proxy that does this to every connection, from the handshake on. */
  readonly through?: Fault;
}

/** What calls to the one cloud, and to the other, go through. */
export interface Wires {
  readonly toOne: FaultProxy;
  readonly toTwo: FaultProxy;
}

/** Alice's cloud and Bob's, which trust each other. */
export class TwoClouds {
  private constructor(
    readonly authority: CertificateAuthority,
    readonly one: TestCloud,
    readonly two: TestCloud,
    readonly alice: string,
    readonly bob: string,
    private readonly behind?: Wires,
  ) {}

  static async start({ through }: TwoCloudsSetup = {}): Promise<TwoClouds> {
    const authority = await CertificateAuthority.create('Test CA');
    const [{ cloud: one, wire: toOne }, { cloud: two, wire: toTwo }] = await Promise.all([
      start('cloud1', authority, through),
      start('cloud2', authority, through),
    ]);
    const wires = toOne && toTwo && { toOne, toTwo };
    if (wires) openBetween(one, two, wires);
    const [alice, bob] = await Promise.all([one.createAccount('alice'), two.createAccount('bob')]);
    one.makeResource(alice, 'notes');
    await establishTrust(one, two);
    return new TwoClouds(authority, one, two, alice, bob, wires);
  }

  async stop(): Promise<void> {
    await Promise.all([this.behind?.toOne.stop(), this.behind?.toTwo.stop()]);
    await Promise.all([this.one.stop(), this.two.stop()]);
  }

  get wires(): Wires {
    if (!this.behind) throw new Error('these clouds were not started through a proxy');
    return this.behind;
  }

  create(more: Json = {}): Promise<Outgoing> {
    const share = { owner: this.alice, shareWith: this.bob, name: 'Notes', resourceId: 'notes', permission: 'read' };
    return this.one.json<Outgoing>('POST', '/api/v1/shares/outgoing', { ...share, ...more });
  }

  /** What the recipient's cloud holds of a share, if it holds it. */
  async received({ shareId }: { readonly shareId: string }): Promise<Incoming | undefined> {
    const [row] = await this.two.rows<{ id: string }>(
      'select id from federation.incoming_share where share_id = $1',
      shareId,
    );
    return row && incoming(this.two, row.id);
  }

  /** A new share, known to both clouds. */
  async pending(more: Json = {}): Promise<{ share: Outgoing; mirror: Incoming }> {
    const share = await this.create(more);
    const mirror = await eventually('it arrives', () => this.received(share));
    await this.settled(share.id, 'pending');
    return { share, mirror };
  }

  /** A new share, accepted and confirmed, with its token. */
  async accepted(more: Json = {}): Promise<{ share: Outgoing; mirror: Incoming; token: string }> {
    const { share, mirror } = await this.pending(more);
    await this.act(mirror.id, 'accept');
    await eventually('it is confirmed', async () => (await incoming(this.two, mirror.id)).confirmed);
    return { share, mirror, token: await this.token(mirror.id) };
  }

  async token(id: string): Promise<string> {
    const path = `/api/v1/shares/incoming/${id}/access`;
    const { protocols } = await this.two.json<{ protocols: { options: { access_token: string } }[] }>('GET', path);
    return protocols[0]?.options.access_token ?? '';
  }

  act(id: string, what: 'accept' | 'decline') {
    return this.two.api('POST', `/api/v1/shares/incoming/${id}/${what}`);
  }

  leave(id: string) {
    return this.two.api('DELETE', `/api/v1/shares/incoming/${id}`);
  }

  withdraw(id: string) {
    return this.one.api('DELETE', `/api/v1/shares/outgoing/${id}`);
  }

  change(id: string, body: Json) {
    return this.one.api('PATCH', `/api/v1/shares/outgoing/${id}`, body);
  }

  settled(id: string, state: string): Promise<Outgoing> {
    return eventually(`${id} ${state}`, async () => {
      const found = await outgoing(this.one, id);
      return found.state === state && found;
    });
  }

  /** Until neither cloud has anything left to tell the other. */
  async drain(): Promise<void> {
    for (const cloud of [this.one, this.two, this.one]) {
      await eventually(`${cloud.origin} has told everything`, async () => {
        const waiting = await cloud.rows(
          `select id from federation.delivery where state = 'waiting' and kind like 'share%'`,
        );
        if (waiting.length > 0) await deliverNow(cloud);
        return waiting.length === 0;
      });
    }
  }
}

async function start(name: string, authority: CertificateAuthority, through?: Fault) {
  if (!through) return { cloud: await TestCloud.start({ name, authority }) };
  const port = await freePort();
  const options = { federationOrigin: `https://${name}.localhost:${port}` };
  const cloud = await TestCloud.start({ name, authority, options });
  const wire = await FaultProxy.start({ target: cloud.federationPort, port });
  wire.fault = through;
  return { cloud, wire };
}

/** Gives the proxies what they need to break requests and answers inside TLS. */
function openBetween(one: TestCloud, two: TestCloud, { toOne, toTwo }: Wires): void {
  const identity = (cloud: TestCloud) => cloud.get(OwnIdentity).current();
  toOne.keys = { client: identity(two), server: identity(one) };
  toTwo.keys = { client: identity(one), server: identity(two) };
}
