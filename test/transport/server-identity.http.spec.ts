import { X509Certificate } from 'node:crypto';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
  spkiPin,
} from '../../src/transport/certificates.js';
import type { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential, ServerProof } from '../../src/transport/peer-endpoint.js';
import { HostilePeer } from '../support/hostile-peer.js';

vi.mock('../../src/transport/server-verdict.js', { spy: true });
// Modules are shared with other files, which may have loaded the genuine one.
vi.resetModules();
const { PeerClient: Client } = await import('../../src/transport/peer-client.js');
const { judgeServer } = await import('../../src/transport/server-verdict.js');
const { credentialFrom, endpoint, lab, ourCredential, reasonOf } = await import('./fixture.js');

const HOST = 'b.lab.localhost';
const WEB: ServerProof = { kind: 'web' };
const pinOf = ({ certificate }: IssuedCertificate) => spkiPin(new X509Certificate(certificate));
const pinned = (...servers: IssuedCertificate[]): ServerProof => ({ kind: 'pinned', pins: servers.map(pinOf) });

let roots: CertificateAuthority;
let strangers: CertificateAuthority;
let credential: ClientCredential;
let genuine: IssuedCertificate;
let peer: HostilePeer;
let client: PeerClient;

beforeAll(async () => {
  roots = await CertificateAuthority.create('Roots of the lab');
  strangers = await CertificateAuthority.create('Roots of a stranger');
  genuine = await roots.issue(HOST);
  credential = await ourCredential();
  peer = await HostilePeer.start({ host: HOST, webCertificate: genuine });
  client = new Client(lab({ extraRoots: [roots.certificate] }));
});

afterEach(() => {
  vi.useRealTimers();
  vi.mocked(judgeServer).mockClear();
  peer.behaviour = { kind: 'json' };
  peer.dropConnections();
  peer.connections.length = 0;
  peer.requests.length = 0;
  peer.dialled = 0;
});

afterAll(async () => {
  await client.close();
  await peer.stop();
});

const send = (proof: ServerProof, to = peer) =>
  client.send(endpoint(to.origin, credential, proof), { method: 'POST', path: '/shares', body: { token: 'secret' } });

/** Shows the certificate, calls, and expects that the server was judged once and got not a byte of HTTP. */
async function expectRefused(shown: IssuedCertificate, proof: ServerProof, reason: string): Promise<void> {
  peer.present(shown);
  expect(await reasonOf(send(proof))).toBe(reason);
  expect(peer.dialled).toBe(1);
  expect(peer.connections.map(({ httpBytes }) => httpBytes).filter((bytes) => bytes > 0)).toEqual([]);
  expect(peer.requests).toEqual([]);
}

describe('a server proved by the web', () => {
  it.each<[string, () => Promise<IssuedCertificate>, string]>([
    ["another host's certificate", () => roots.issue('c.lab.localhost'), 'tls-name'],
    ['an expired one', () => roots.issue(HOST, { days: -1 }), 'tls-chain'],
    [
      'one that is not yet valid',
      () => roots.issue(HOST, { notBefore: new Date(Date.now() + 3_600_000) }),
      'tls-chain',
    ],
    ['a self-signed one', () => makeSelfSignedCertificate(HOST), 'tls-chain'],
    ["one of a stranger's authority", () => strangers.issue(HOST), 'tls-chain'],
    ['one for clients only', () => roots.issue(HOST, { eku: ['clientAuth'] }), 'tls-chain'],
    ['the name in the common name only', () => roots.issue(HOST, { san: [] }), 'tls-name'],
    [
      'the common name beside another SAN',
      () => roots.issue(HOST, { san: [{ type: 'dns', value: 'c.lab.localhost' }] }),
      'tls-name',
    ],
    ['the name as URI only', () => roots.issue(HOST, { san: [{ type: 'url', value: `https://${HOST}` }] }), 'tls-name'],
    ['the address only', () => roots.issue(HOST, { san: [{ type: 'ip', value: '127.0.0.1' }] }), 'tls-name'],
    [
      'a wildcard for two labels',
      () => roots.issue(HOST, { san: [{ type: 'dns', value: '*.localhost' }] }),
      'tls-name',
    ],
    ['half a wildcard', () => roots.issue(HOST, { san: [{ type: 'dns', value: 'b*.lab.localhost' }] }), 'tls-name'],
    [
      'a name after a NUL',
      () => roots.issue(HOST, { san: [{ type: 'dns', value: `${HOST}\0.evil.example` }] }),
      'tls-name',
    ],
  ])('is refused with %s', async (_what, make, reason) => expectRefused(await make(), WEB, reason));

  it('is judged by other roots from the next call on, whatever connection is open', async () => {
    const renewing = new Client(lab({ extraRoots: [roots.certificate] }));
    const call = () => renewing.send(endpoint(peer.origin, credential, WEB), { method: 'GET', path: '/shares' });
    peer.present(genuine);
    expect((await call()).status).toBe(200);
    expect(() => renewing.judgeBy([strangers.certificate, 'no certificate'])).toThrow(TypeError);
    expect((await call()).status).toBe(200);
    renewing.judgeBy([strangers.certificate]);
    expect(await reasonOf(call())).toBe('tls-chain');
    peer.present(await strangers.issue(HOST));
    expect((await call()).status).toBe(200);
    await renewing.close();
  });

  it.each<[string, () => Promise<IssuedCertificate>]>([
    ['its own name', () => roots.issue(HOST)],
    ['its own name in capitals', () => roots.issue(HOST, { san: [{ type: 'dns', value: HOST.toUpperCase() }] })],
    ['a wildcard for one label', () => roots.issue(HOST, { san: [{ type: 'dns', value: '*.lab.localhost' }] })],
    [
      'its name among others',
      () =>
        roots.issue(HOST, {
          san: [
            { type: 'dns', value: 'c.example' },
            { type: 'dns', value: HOST },
          ],
        }),
    ],
  ])('is accepted with %s, and the answer tells its key', async (_what, make) => {
    const shown = await make();
    peer.present(shown);
    expect(await send(WEB)).toMatchObject({ status: 200, serverPin: pinOf(shown) });
    expect(peer.connections[0]?.serverName).toBe(HOST);
  });
});

describe('a pinned server', () => {
  it.each<[string, () => Promise<IssuedCertificate>, string]>([
    ['another key', () => makeSelfSignedCertificate(HOST), 'tls-pin'],
    ['another key, though a trusted root issued it', () => roots.issue(HOST), 'tls-pin'],
  ])('is refused with %s', async (_what, make, reason) => expectRefused(await make(), pinned(genuine), reason));

  it.each<[string, Parameters<typeof makeSelfSignedCertificate>, string]>([
    ['for another host', ['c.lab.localhost'], 'tls-name'],
    ['with two names', [HOST, { san: [HOST, 'c.example'].map((value) => ({ type: 'dns', value })) }], 'tls-name'],
    ['with a wildcard', [HOST, { san: [{ type: 'dns', value: '*.lab.localhost' }] }], 'tls-name'],
    ['with a trailing dot', [HOST, { san: [{ type: 'dns', value: `${HOST}.` }] }], 'tls-name'],
    ['with no name but the common one', [HOST, { san: [] }], 'tls-name'],
    ['that has expired', [HOST, { days: -1 }], 'tls-chain'],
    ['that is not yet valid', [HOST, { notBefore: new Date(Date.now() + 3_600_000) }], 'tls-chain'],
  ])('is refused with a certificate on the pinned key %s', async (_what, [host, options], reason) => {
    const shown = await makeSelfSignedCertificate(host, { ...options, privateKey: genuine.privateKey });
    await expectRefused(shown, pinned(genuine), reason);
  });

  it('is refused if no key is pinned at all', async () => {
    await expectRefused(genuine, { kind: 'pinned', pins: [] }, 'tls-pin');
  });

  it('is accepted self-signed, renewed on its key, and under either pin of a rotation', async () => {
    const [old, next] = [await makeSelfSignedCertificate(HOST), await makeSelfSignedCertificate(HOST)];
    const renewed = await makeSelfSignedCertificate(HOST, { privateKey: old.privateKey });
    for (const shown of [old, renewed, next]) {
      peer.present(shown);
      peer.dropConnections();
      const answer = await vi.waitFor(() => send(pinned(old, next)));
      expect(answer.serverPin).toBe(pinOf(shown));
    }
  });
});

describe('the judgement', () => {
  it('is passed on every new connection', async () => {
    peer.present(genuine);
    for (let round = 0; round < 5; round++) {
      expect((await vi.waitFor(() => send(WEB))).status).toBe(200);
      expect((await send(WEB)).status).toBe(200);
      peer.dropConnections();
    }
    expect(peer.connections.length).toBeGreaterThanOrEqual(5);
    expect(judgeServer).toHaveBeenCalledTimes(peer.connections.length);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is passed four times on four connections to a listener that issues tickets over %s',
    async (maxVersion) => {
      let tickets = 0;
      const ticketing = await HostilePeer.start({
        host: HOST,
        webCertificate: genuine,
        // A session that is to be kept under an id would make it issue no ticket.
        tls: { maxVersion, sessionTimeout: 3_600, ticketKeys: Buffer.alloc(48, 7) },
      });
      const stranger = connectTls({
        port: ticketing.port,
        host: '127.0.0.1',
        servername: HOST,
        rejectUnauthorized: false,
      });
      stranger.on('session', () => tickets++).on('error', () => undefined);
      await vi.waitFor(() => expect(tickets).toBeGreaterThan(0));
      ticketing.dropConnections();
      ticketing.connections.length = 0;
      for (let round = 0; round < 4; round++) {
        await vi.waitFor(() => send(WEB, ticketing));
        ticketing.dropConnections();
      }
      expect(ticketing.connections.map(({ resumed }) => resumed)).toEqual([false, false, false, false]);
      expect(judgeServer).toHaveBeenCalledTimes(4);
      // The fifth connection finds another key: a resumed session would not have noticed.
      ticketing.present(await makeSelfSignedCertificate(HOST));
      await vi.waitFor(async () => expect(await reasonOf(send(WEB, ticketing))).toBe('tls-chain'));
      expect(ticketing.requests).toHaveLength(4);
      await ticketing.stop();
    },
  );

  it('ties each answer to the certificate of its own connection', async () => {
    const other = await roots.issue(HOST);
    peer.behaviour = ({ connection }) => ({ kind: 'json', body: { connection: peer.connections.indexOf(connection) } });
    peer.present(genuine);
    await send(WEB);
    peer.present(other);
    const answers = await Promise.all([send(WEB), send(WEB), send(WEB), send(WEB)]);
    const pins = [pinOf(genuine), pinOf(other)];
    for (const { body, serverPin } of answers) {
      expect(serverPin).toBe((body as { connection: number }).connection === 0 ? pins[0] : pins[1]);
    }
    expect(new Set(answers.map(({ serverPin }) => serverPin))).toEqual(new Set(pins));
  });

  it('covers an open connection only as long as the certificate is valid', async () => {
    peer.present(await roots.issue(HOST, { days: 1 }));
    await send(WEB);
    const bytes = peer.connections[0]?.httpBytes;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 86_400_000 });
    expect(await reasonOf(send(WEB))).toBe('tls-chain');
    expect(peer.connections.map(({ httpBytes }) => httpBytes)).toEqual([bytes]);
  });
});

describe('two peers on one address and port', () => {
  const A = 'a.lab.localhost';
  const B = 'b.lab.localhost';

  it.each(['web', 'pinned'] as const)(
    'are told apart: b is refused once its certificate is replaced by the one of a (%s)',
    async (kind) => {
      const make = (host: string) => (kind === 'web' ? roots.issue(host) : makeSelfSignedCertificate(host));
      const [ofA, ofB] = [await make(A), await make(B)];
      const certificates = new Map([
        [A, ofA],
        [B, ofB],
      ]);
      const both = await HostilePeer.start({
        host: A,
        webCertificate: ofA,
        tls: {
          SNICallback: (name, done) => {
            const { certificate, privateKey } = certificates.get(name) ?? ofA;
            done(null, createSecureContext({ cert: certificate, key: privateKey }));
          },
        },
      });
      const call = (host: string, own: IssuedCertificate) => {
        const to = endpoint(`https://${host}:${both.port}`, credential, kind === 'web' ? WEB : pinned(own));
        return client.send(to, { method: 'POST', path: '/shares', body: { token: host } });
      };
      expect([(await call(A, ofA)).serverPin, (await call(B, ofB)).serverPin]).toEqual([pinOf(ofA), pinOf(ofB)]);
      certificates.set(B, ofA);
      both.connections.find(({ serverName }) => serverName === B)?.socket.destroy();
      await vi.waitFor(async () => {
        expect(await reasonOf(call(B, ofB))).toBe(kind === 'web' ? 'tls-name' : 'tls-pin');
      });
      expect((await call(A, ofA)).status).toBe(200);
      const bodies = both.requests.map(({ body, connection }) => [JSON.parse(body).token, connection.serverName]);
      expect(bodies).toEqual([A, B, A].map((host) => [host, host]));
      await both.stop();
    },
  );
});

describe('our own certificate', () => {
  it('is shown even if the server asks for one of an authority that nobody holds', async () => {
    const nobody = await CertificateAuthority.create('Nobody');
    const asking = await HostilePeer.start({ host: HOST, webCertificate: genuine, tls: { ca: [nobody.certificate] } });
    await send(WEB, asking);
    expect(asking.connections[0]?.clientPin).toBe(spkiPin(new X509Certificate(credential.certificate)));
    await asking.stop();
  });

  it('must fit its key, or nothing is dialled', async () => {
    const [a, b] = [await makeSelfSignedCertificate('us.localhost'), await makeSelfSignedCertificate('us.localhost')];
    const broken = credentialFrom({ certificate: a.certificate, privateKey: b.privateKey });
    const call = client.send(endpoint(peer.origin, broken), { method: 'GET', path: '/' });
    expect(await reasonOf(call)).toBe('tls-client');
    expect(peer.dialled).toBe(0);
  });
});
