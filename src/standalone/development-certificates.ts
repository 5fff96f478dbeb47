import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CertificateAuthority, Secret } from '../index.js';
import { replacePrivately } from './private-files.js';
import type { KeyAndCertificate } from './setting-files.js';

const DAY_MS = 86_400_000;
/** A certificate with less time than this is made anew, at the next start or while the server runs. */
const RENEW_BEFORE_DAYS = 7;

export interface DevelopmentCertificate extends KeyAndCertificate {
  /** Certificate of the authority that issued it: what browsers and peers would have to trust. */
  readonly authorityFile: string;
}

/**
 * The web certificate of a cloud that was given none: `web.crt` and `web.key` in its data directory. It comes from the
 * development authority beside that directory, if there is one (clouds on one machine share it), else from its own.
 */
export async function keepDevelopmentCertificate(dataDir: string, host: string): Promise<DevelopmentCertificate> {
  const beside = path.dirname(dataDir);
  const folder = existsSync(path.join(beside, 'dev-ca.crt')) ? beside : dataDir;
  const authority = await keepDevelopmentAuthority(folder);
  const authorityFile = path.join(folder, 'dev-ca.crt');
  const files = webFilesIn(dataDir);
  const kept = readPair(files);
  if (kept && isGood(kept, host, authority)) return { ...kept, authorityFile };
  const made = await authority.issue(host);
  const certificate = `${made.certificate}\n`;
  replacePrivately(files.key, made.privateKey);
  replacePrivately(files.certificate, certificate);
  return { certificate, privateKey: new Secret(made.privateKey), authorityFile };
}

export function webFilesIn(dataDir: string): Files {
  return pairIn(dataDir, 'web');
}

/** Whether it is time to make another. */
export function isEnding(certificate: string): boolean {
  const daysLeft = (Date.parse(new X509Certificate(certificate).validTo) - Date.now()) / DAY_MS;
  return daysLeft < RENEW_BEFORE_DAYS;
}

/** A folder's development authority, `dev-ca.crt` and `dev-ca.key`; made, with the folder, if it is not there. */
export async function keepDevelopmentAuthority(folder: string): Promise<CertificateAuthority> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = pairIn(folder, 'dev-ca');
  const kept = readPair(files);
  if (kept) return CertificateAuthority.from({ certificate: kept.certificate, privateKey: kept.privateKey.reveal() });
  const made = await CertificateAuthority.create('Entente development, do not trust elsewhere');
  replacePrivately(files.key, made.privateKey);
  replacePrivately(files.certificate, `${made.certificate}\n`);
  return made;
}

interface Files {
  readonly certificate: string;
  readonly key: string;
}

function pairIn(folder: string, name: string): Files {
  return { certificate: path.join(folder, `${name}.crt`), key: path.join(folder, `${name}.key`) };
}

/** Undefined unless both files are there and belong together: a start may have ended between the two. */
function readPair(files: Files): KeyAndCertificate | undefined {
  if (!existsSync(files.certificate) || !existsSync(files.key)) return undefined;
  const certificate = readFileSync(files.certificate, 'utf8');
  const privateKey = readFileSync(files.key, 'utf8');
  const belong = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
  return belong ? { certificate, privateKey: new Secret(privateKey) } : undefined;
}

function isGood({ certificate }: KeyAndCertificate, host: string, authority: CertificateAuthority): boolean {
  const leaf = new X509Certificate(certificate);
  const { publicKey } = new X509Certificate(authority.certificate);
  return !isEnding(certificate) && leaf.checkHost(host) !== undefined && leaf.verify(publicKey);
}
