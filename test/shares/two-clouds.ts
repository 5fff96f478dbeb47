import { CertificateAuthority } from '../../src/transport/certificates.js';
import { establishTrust, eventually, TestCloud } from '../support/cloud.js';
import { deliverNow, type Incoming, incoming, type Json, type Outgoing, outgoing } from './support.js';

/** Alice's cloud and Bob's, which trust each other. */
export class TwoClouds {
  private constructor(
    readonly authority: CertificateAuthority,
    readonly one: TestCloud,
    readonly two: TestCloud,
    readonly alice: string,
    readonly bob: string,
  ) {}

  static async start(): Promise<TwoClouds> {
    const authority = await CertificateAuthority.create('Test CA');
    const [one, two] = await Promise.all([
      TestCloud.start({ name: 'cloud1', authority }),
      TestCloud.start({ name: 'cloud2', authority }),
    ]);
    const [alice, bob] = await Promise.all([one.createAccount('alice'), two.createAccount('bob')]);
    one.makeResource(alice, 'notes');
    await establishTrust(one, two);
    return new TwoClouds(authority, one, two, alice, bob);
  }

  async stop(): Promise<void> {
    await Promise.all([this.one.stop(), this.two.stop()]);
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
