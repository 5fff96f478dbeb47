import type { MigrationInterface, MixedList } from 'typeorm';
import type { Secret } from '../kernel/secret.js';
import type { ProxyOptions } from './trusted-proxy.js';

type EntityClass = abstract new (...args: never[]) => object;
type MigrationClass = new () => MigrationInterface;

/** A PEM certificate (chain) and its PKCS#8 PEM key. */
export interface KeyAndCertificate {
  readonly certificate: string;
  readonly privateKey: Secret;
}

export interface DatabaseOptions {
  /** `postgres://…` of the application's role. */
  readonly url: string;
  /** The schema's owner, who runs migrations. Default: the same as `url`. */
  readonly migrationUrl?: string;
  /** Connections in the pool. Default 10. */
  readonly poolSize?: number;
  /** Tables of the host's adapters that live in the same database, so that they can join our transactions. */
  readonly entities?: EntityClass[];
  readonly migrations?: MixedList<MigrationClass>;
}

/** How calls to peers leave us. */
export interface OutboundOptions {
  /** PEM roots for peers' web certificates, beside the system's. */
  readonly extraRoots?: readonly string[];
  /** CIDR list of otherwise forbidden networks that peers may live in. */
  readonly allowNetworks?: readonly string[];
  /**
   * CONNECT proxy through which every call to a peer leaves: `http://` or `https://`, `user:password@` if it asks for
   * them. TLS stays end to end, and addresses are checked all the same. Default: none, whatever the environment says.
   */
  readonly proxy?: Secret;
}

/** Everything `FederationModule` needs to know of the cloud it serves. */
export interface FederationOptions {
  /** Our identity: `https://name[:port]`. */
  readonly publicOrigin: string;
  /** Where peers' calls arrive; same host, any port. Default: `publicOrigin`. */
  readonly federationOrigin?: string;
  /** Brand shown to people and peers. Default: the host of the origin. */
  readonly displayName?: string;
  /** Domains whose addresses are ours. Default: the host of the origin. */
  readonly domains?: readonly string[];
  readonly database: DatabaseOptions;
  /** 32 bytes, kept outside the database; seals every other key and secret at rest. */
  readonly sealKey: Uint8Array;
  /** What to tell an operator whose seal key is not the database's. Default: a sentence without a path. */
  readonly sealKeyHint?: string;
  /** The certificate that we show to peers; imported at first start only. Default: self-signed, made at first start. */
  readonly federationCertificate?: KeyAndCertificate;
  /** Bootstrap credential of the operator and host APIs, at least 32 characters, holding all roles. */
  readonly adminToken: Secret;
  readonly outbound?: OutboundOptions;
  /** A reverse proxy ends TLS; the adapter is made with the same. Default: we end it ourselves, and believe no header. */
  readonly proxy?: ProxyOptions;
  /** Default: everything on. */
  readonly switches?: { readonly federation?: boolean; readonly sharing?: boolean; readonly login?: boolean };
  /** Whether an incoming share waits for its recipient (`ask`, the default) or is accepted at once (`auto`). */
  readonly acceptInvitations?: 'ask' | 'auto';
  /** Make both fingerprints mandatory when trust is given. Default false. */
  readonly requireFingerprint?: boolean;
  /** Swagger UI under `/docs`. Default true. */
  readonly docs?: boolean;
}
