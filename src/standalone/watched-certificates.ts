import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { Alerts, ReplacePeerRoots, type RunningFederation } from '../index.js';
import { isEnding, keepDevelopmentCertificate, webFilesIn } from './development-certificates.js';
import { type Environment, rereadPeerRoots, rereadWeb } from './environment.js';
import type { KeyAndCertificate } from './setting-files.js';
import type { FileBacked } from './watched-files.js';

/**
 * The web certificate: of the files that the settings name, or the one made here for development, which is made anew
 * before it ends. @param shown what is shown now
 */
export function webCertificate(
  environment: Environment,
  federation: RunningFederation,
  shown: KeyAndCertificate,
): FileBacked<KeyAndCertificate> {
  let inUse = shown;
  return {
    ...webFiles(environment, () => inUse),
    use: (web) => {
      if (web.certificate === inUse.certificate) return;
      const { validTo } = inDate(new X509Certificate(web.certificate));
      federation.reloadWebCertificate(web);
      inUse = web;
      federation.logger.log(
        `another web certificate is shown: ${federation.describe().webFingerprint}, until ${validTo}`,
      );
    },
    ...telling(federation, {
      kind: 'web-certificate-unusable',
      what: 'the files of the web certificate cannot be used, and the one that is shown stays',
      advice: 'Put a certificate and its key in place that belong together; they are taken within seconds.',
    }),
  };
}

function webFiles(
  environment: Environment,
  inUse: () => KeyAndCertificate,
): Pick<FileBacked<KeyAndCertificate>, 'files' | 'read' | 'isDue'> {
  const { settings, dataDir, origin } = environment;
  const { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key } = settings;
  const given =
    certificate && key ? { files: [certificate, key], read: () => known(rereadWeb(environment)) } : undefined;
  return (
    given ?? {
      files: Object.values(webFilesIn(dataDir)),
      read: () => keepDevelopmentCertificate(dataDir, origin.host),
      isDue: () => isEnding(inUse().certificate),
    }
  );
}

/** The extra roots for peers' web certificates. */
export function peerRoots(environment: Environment, federation: RunningFederation): FileBacked<readonly string[]> {
  let inUse = String(environment.peerRoots);
  return {
    files: [environment.settings.PEER_CA_FILE ?? ''],
    read: () => known(rereadPeerRoots(environment)),
    use: (roots) => {
      if (String(roots) === inUse) return;
      federation.app.get(ReplacePeerRoots, { strict: false }).execute(roots);
      inUse = String(roots);
      federation.logger.log(`other roots for peers' web certificates are in use: ${roots.length}`);
    },
    ...telling(federation, {
      kind: 'peer-roots-unusable',
      what: "PEER_CA_FILE cannot be used, and the roots for peers' web certificates stay as they are",
      advice: 'Put PEM certificates into the file; they are taken within seconds.',
    }),
  };
}

interface Trouble {
  /** Of the alert. */
  readonly kind: string;
  readonly what: string;
  readonly advice: string;
}

/** Says it in the log and as an alert about this machine: another one may have files that are whole. */
function telling(
  federation: RunningFederation,
  { kind, what, advice }: Trouble,
): Pick<FileBacked<unknown>, 'warn' | 'raise' | 'settle'> {
  const alerts = federation.app.get(Alerts, { strict: false });
  const subject = `node:${hostname()}`;
  return {
    warn: (why) => federation.logger.warn(`${what}: ${why}`),
    raise: (why) => alerts.raise({ kind, subject, level: 'warning', details: { why, advice } }),
    settle: () => alerts.settle(kind, subject),
  };
}

function inDate(certificate: X509Certificate): X509Certificate {
  const { validFrom, validTo } = certificate;
  const now = new Date();
  if (new Date(validFrom) <= now && now <= new Date(validTo)) return certificate;
  throw new Error(`the certificate is valid from ${validFrom} to ${validTo} only`);
}

/** The settings that name the files were there at the start, and settings never change. */
function known<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('no such files in the settings');
  return value;
}
