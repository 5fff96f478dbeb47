import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';
import { eventually } from './cloud.js';

const DEPLOY = path.resolve(import.meta.dirname, '../../deploy');

export type ProxyName = 'nginx' | 'haproxy';

export interface ProxySetup {
  /** `name:port` of the cloud's origin. */
  readonly authority: string;
  /** Another site of the operator's on the same machine, which asks for no certificate and resumes sessions. */
  readonly besides: { readonly name: string; readonly port: number };
  readonly certificates: CertificateAuthority;
  /** Where the cloud listens: the path of a unix socket, or `127.0.0.1:<port>`. */
  readonly backend: string;
}

/** Why the program cannot be run here; undefined if it can. */
export function missing(name: ProxyName): string | undefined {
  try {
    execFileSync(programOf(name), ['-v'], { stdio: 'ignore' });
    if (name === 'nginx') readFileSync(NGINX_JS);
    return undefined;
  } catch (error) {
    const packages = name === 'nginx' ? 'nginx libnginx-mod-http-js' : 'haproxy';
    return `${name} is not here (${(error as NodeJS.ErrnoException).code}): apt-get install ${packages}`;
  }
}

const NGINX_JS = '/usr/lib/nginx/modules/ngx_http_js_module.so';

function programOf(name: ProxyName): string {
  return `/usr/sbin/${name}`;
}

/** A real proxy in front of a cloud, with the configuration that we ship and its placeholders filled in. */
export class ProxyProgram {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(name: ProxyName, setup: ProxySetup): Promise<ProxyProgram> {
    const folder = mkdtempSync(path.join(os.tmpdir(), `entente-${name}-`));
    await writeCertificates(folder, setup);
    const args = name === 'nginx' ? writeNginx(folder, setup) : writeHaproxy(folder, setup);
    const child = spawn(programOf(name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
    const program = new ProxyProgram(child, folder);
    try {
      await eventually(`${name} listens`, async () => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`);
        return answers(portOf(setup.authority));
      });
    } catch (error) {
      await program.stop();
      throw error;
    }
    return program;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function portOf(authority: string): number {
  return Number(authority.split(':')[1]);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function writeCertificates(folder: string, { authority, besides, certificates }: ProxySetup): Promise<void> {
  const nobody = await CertificateAuthority.create('nobody');
  writeFileSync(path.join(folder, 'nobody.crt'), nobody.certificate);
  const write = (file: string, { certificate, privateKey }: IssuedCertificate) => {
    writeFileSync(path.join(folder, `${file}.crt`), `${certificate}\n`);
    writeFileSync(path.join(folder, `${file}.key`), privateKey, { mode: 0o600 });
    writeFileSync(path.join(folder, `${file}.pem`), `${certificate}\n${privateKey}`, { mode: 0o600 });
  };
  write('web', await certificates.issue(authority.split(':')[0] ?? ''));
  write('besides', await certificates.issue(besides.name));
}

/** The shipped text with its placeholders filled in; each has to be there. */
function filledIn(file: string, placeholders: readonly (readonly [string, string])[]): string {
  return placeholders.reduce(
    (text, [placeholder, value]) => {
      if (!text.includes(placeholder)) throw new Error(`${file} has no ${placeholder}`);
      return text.replaceAll(placeholder, value);
    },
    readFileSync(path.join(DEPLOY, file), 'utf8'),
  );
}

function writeNginx(folder: string, { authority, besides, backend }: ProxySetup): string[] {
  const [host = '', port = ''] = authority.split(':');
  const server = backend.startsWith('/') ? `unix:${backend}` : backend;
  const site = filledIn('nginx/entente.conf', [
    ['listen 443', `listen 127.0.0.1:${port}`],
    ['cloud1.example', host],
    ['/etc/entente/', `${folder}/`],
    ['/etc/nginx/entente.js', `${folder}/entente.js`],
    ['unix:/run/entente/entente.sock', server],
  ]);
  copyFileSync(path.join(DEPLOY, 'nginx/entente.js'), path.join(folder, 'entente.js'));
  writeFileSync(path.join(folder, 'entente.conf'), site);
  mkdirSync(path.join(folder, 'tmp'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (of) => `${of}_temp_path ${folder}/tmp/${of};`,
  );
  // What nginx.conf of the distribution has, and a public site beside ours on the same port.
  const main = `
    load_module ${NGINX_JS};
    daemon off; master_process off;
    pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
    events {}
    http {
      access_log off; ${temporary.join(' ')}
      include ${folder}/entente.conf;
      server {
        listen 127.0.0.1:${port} ssl; listen 127.0.0.1:${besides.port} ssl; server_name ${besides.name};
        ssl_certificate ${folder}/besides.crt; ssl_certificate_key ${folder}/besides.key;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_cache shared:besides:1m;
        return 204;
      }
    }`;
  writeFileSync(path.join(folder, 'nginx.conf'), main);
  return ['-p', folder, '-e', path.join(folder, 'error.log'), '-c', path.join(folder, 'nginx.conf')];
}

function writeHaproxy(folder: string, { authority, besides, backend }: ProxySetup): string[] {
  const server = backend.startsWith('/') ? `unix@${backend}` : backend;
  const shipped = filledIn('haproxy/haproxy.cfg', [
    ['log /dev/log local0', 'log stderr local0'],
    // Who runs the tests is whoever runs the program.
    ['  user haproxy\n  group entente\n', ''],
    ['bind :443', `bind 127.0.0.1:${portOf(authority)}`],
    ['req.hdr(host) -i cloud1.example', `req.hdr(host) -i ${authority}`],
    ['/etc/entente/', `${folder}/`],
    ['unix@/run/entente/entente.sock', server],
  ]);
  writeFileSync(path.join(folder, 'haproxy.cfg'), shipped);
  writeFileSync(
    path.join(folder, 'besides.cfg'),
    `frontend besides\n  bind 127.0.0.1:${besides.port} ssl crt ${folder}/besides.pem\n  http-request return status 204\n`,
  );
  return ['-db', '-f', path.join(folder, 'haproxy.cfg'), '-f', path.join(folder, 'besides.cfg')];
}
