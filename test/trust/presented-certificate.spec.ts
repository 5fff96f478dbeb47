import { X509Certificate } from 'node:crypto';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { makeSelfSignedCertificate, spkiPin } from '../../src/transport/certificates.js';
import { presentedCertificate } from '../../src/trust/presented-certificate.js';

/** A connection whose handshake brought this certificate. */
function connection(certificate: X509Certificate): TLSSocket & { asked: number } {
  const socket = Object.create(TLSSocket.prototype) as TLSSocket & { asked: number };
  socket.asked = 0;
  socket.getPeerX509Certificate = () => {
    socket.asked += 1;
    return certificate;
  };
  return socket;
}

async function makeCertificate(host: string, others = 0): Promise<X509Certificate> {
  const names = Array.from({ length: others }, (_, at) => ({ type: 'dns', value: `name${at}.${host}` }) as const);
  const san = others > 0 ? { san: [{ type: 'dns', value: host } as const, ...names] } : {};
  return new X509Certificate((await makeSelfSignedCertificate(host, san)).certificate);
}

describe('the certificate of a connection', () => {
  it('is asked for once', async () => {
    const socket = connection(await makeCertificate('a.example'));
    expect(presentedCertificate(socket)).toBe(presentedCertificate(socket));
    expect(socket.asked).toBe(1);
  });

  it('is read once, however many connections present it, and is not that of another key', async () => {
    const [mine, other] = [await makeCertificate('a.example'), await makeCertificate('a.example')];
    const reading = presentedCertificate(connection(mine));
    expect(reading).toMatchObject({ pin: spkiPin(mine), host: 'a.example', certificate: mine.toString() });
    expect(presentedCertificate(connection(new X509Certificate(mine.raw)))).toBe(reading);
    expect(presentedCertificate(connection(other))?.pin).toBe(spkiPin(other));
    expect(spkiPin(other)).not.toBe(reading?.pin);
  });

  it('is read each time if it is far larger than any federation certificate: nobody fills the memory', async () => {
    const large = await makeCertificate('a.example', 300);
    expect(large.raw.length).toBeGreaterThan(4_096);
    const [first, second] = [presentedCertificate(connection(large)), presentedCertificate(connection(large))];
    expect(first).toEqual(second);
    expect(first).not.toBe(second);
    expect(first).toMatchObject({ pin: spkiPin(large), host: undefined });
  });

  it('is none where there was no TLS', () => {
    expect(presentedCertificate(new Socket())).toBeUndefined();
  });
});
