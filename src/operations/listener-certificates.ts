import https from 'node:https';
import type { KeyAndCertificate } from '../host/federation-options.js';
import { type Listener, type ListenerTls, secureContextOptions } from './listener.js';

/**
 * From now on new connections to the listener see this certificate; open ones go on under the one they began with.
 * Whether it asks for client certificates was decided when it was made. Without TLS nothing happens.
 * @throws Error if the certificate and its key cannot be used together: what was shown before stays.
 */
function showCertificate(listener: Listener, tls: ListenerTls): void {
  if (listener instanceof https.Server) listener.setSecureContext(secureContextOptions(tls));
}

/** What each of our TLS listeners shows. A certificate may change while they listen; the rules around it never do. */
export class ListenerCertificates {
  private readonly shown = new Map<Listener, ListenerTls>();

  /** The listener was made with this. */
  add(listener: Listener, tls: ListenerTls): void {
    this.shown.set(listener, tls);
  }

  /** @throws Error as above. A listener that was not added has no TLS: nothing happens. */
  show(listener: Listener, change: Partial<KeyAndCertificate> & Pick<ListenerTls, 'namedAuthority'>): void {
    const before = this.shown.get(listener);
    if (!before) return;
    const tls = { ...before, ...change };
    showCertificate(listener, tls);
    this.shown.set(listener, tls);
  }

  of(listener: Listener): KeyAndCertificate | undefined {
    return this.shown.get(listener);
  }
}
