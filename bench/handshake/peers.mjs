import { randomUUID, X509Certificate } from 'node:crypto';
import { makeSelfSignedCertificate, spkiPin } from '../../dist/transport/certificates.js';

/** So many clouds with keys of their own: { host, pin, certificate, privateKey }. */
export async function makePeers(count) {
  const peers = [];
  for (let at = 0; at < count; at++) {
    const host = `peer${at}.localhost`;
    const credential = await makeSelfSignedCertificate(host);
    peers.push({ host, pin: spkiPin(new X509Certificate(credential.certificate)), ...credential });
  }
  return peers;
}

/** Trusted relationships with all of them, as handshakes would have left them. @param client a connected `pg.Client` */
export function trustAll(client, peers) {
  const rows = peers.map(({ host, pin, certificate }) => ({ id: randomUUID(), host, pin, certificate }));
  return client.query(
    `with peer as (select * from jsonb_to_recordset($1::jsonb) as p (id text, host text, pin text, certificate text)),
     added as (
       insert into federation.relationship
         (id, origin, endpoint, display_name, state, pin, certificate, own_reference, peer_reference)
       select id, 'https://' || host, 'https://' || host, host, 'TRUSTED', pin, certificate, 'own-' || id, 'peer-' || id
       from peer returning id
     )
     insert into federation.relationship_domain (relationship_id, domain, status)
     select id, host, 'effective' from peer`,
    [JSON.stringify(rows)],
  );
}
