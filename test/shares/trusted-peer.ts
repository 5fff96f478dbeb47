import { randomBytes, X509Certificate } from 'node:crypto';
import { type CertificateAuthority, spkiPin } from '../../src/transport/certificates.js';
import { inState, type TestCloud } from '../support/cloud.js';
import {
  type Behaviour,
  type CallOptions,
  type CallResult,
  HostilePeer,
  type RecordedRequest,
} from '../support/hostile-peer.js';

/** A scripted cloud that another cloud trusts: it went through the real handshake. */
export class ScriptedPeer {
  private constructor(
    readonly server: HostilePeer,
    readonly cloud: TestCloud,
    /** Id of the relationship at the cloud. */
    readonly relationship: string,
  ) {}

  static async trustedBy(cloud: TestCloud, authority: CertificateAuthority, name: string): Promise<ScriptedPeer> {
    const host = `${name}.localhost`;
    const server = await HostilePeer.start({ host, webCertificate: await authority.issue(host) });
    const fingerprint = spkiPin(new X509Certificate(server.credential.certificate));
    const introduction = { origin: server.origin, displayName: name, domains: [host] };
    const confirmed: Behaviour = { kind: 'json', body: { ...introduction, fingerprint, relationship: `of-${name}` } };
    server.behaviour = ({ path }) => (path === '/federation/trust-confirmations' ? confirmed : { kind: 'json' });
    const code = randomBytes(32).toString('base64url');
    const asked = await server.call(cloud.endpoint, {
      method: 'POST',
      path: '/federation/trust-requests',
      body: { ...introduction, endpoint: server.origin, code, version: '1' },
    });
    if (asked.status !== 202) throw new Error(`trust request: ${asked.status} ${asked.text}`);
    const invited = await inState(cloud, server.origin, 'INVITED');
    await cloud.json('POST', `/admin/services/${invited.id}/accept`, { fingerprint });
    const { id } = await inState(cloud, server.origin, 'TRUSTED');
    return new ScriptedPeer(server, cloud, id);
  }

  get host(): string {
    return this.server.host;
  }

  /** How it treats offers and notifications from now on. */
  answers(behaviour: Behaviour | ((request: RecordedRequest) => Behaviour)): void {
    this.server.behaviour = behaviour;
  }

  /** The calls that it received on a path, oldest first. */
  received(path: string): RecordedRequest[] {
    return this.server.requests.filter((request) => request.path === path);
  }

  post(path: string, body: unknown, headers?: Record<string, string>): Promise<CallResult> {
    return this.call({ method: 'POST', path, body, headers });
  }

  get(path: string): Promise<CallResult> {
    return this.call({ path });
  }

  call(options: CallOptions): Promise<CallResult> {
    return this.server.call(this.cloud.endpoint, options);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
