import type { Problems } from './setting.js';
import type { Settings } from './settings.js';

/** What TLS_MODE asks of the other settings. Behind a proxy we speak plain HTTP: nobody on the network may reach us. */
export function checkProxy(settings: Partial<Settings>, problems: Problems): void {
  if (settings.TLS_MODE === 'direct') checkDirect(settings, problems);
  if (settings.TLS_MODE === 'proxy') checkBehindProxy(settings, problems);
}

function checkBehindProxy(settings: Partial<Settings>, problems: Problems): void {
  const { PROXY_TRUSTED: trusted, LISTEN_SOCKET: socket } = settings;
  if (!trusted) {
    problems.add('PROXY_TRUSTED must be given with TLS_MODE=proxy: unix, or networks such as 127.0.0.1/32');
  } else if (trusted === 'unix' && !socket) {
    problems.add('PROXY_TRUSTED is unix: it needs LISTEN_SOCKET beside it');
  } else if (trusted !== 'unix' && socket) {
    problems.add('PROXY_TRUSTED must be unix with LISTEN_SOCKET: connections through a socket have no address');
  }
  if (socket) refuse('LISTEN_PORT', 'a unix socket has no port, remove one of the two', settings, problems);
  else checkLoopback(settings, problems);
  refuse('FEDERATION_LISTEN_PORT', 'with TLS_MODE=proxy one listener answers for both origins', settings, problems);
  for (const name of ['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const) {
    refuse(name, 'with TLS_MODE=proxy it is the proxy that shows the web certificate, remove it', settings, problems);
  }
}

function checkDirect(settings: Partial<Settings>, problems: Problems): void {
  for (const name of ['LISTEN_SOCKET', 'PROXY_TRUSTED'] as const) {
    refuse(name, 'it counts with TLS_MODE=proxy only', settings, problems);
  }
}

function checkLoopback({ LISTEN_HOST: host, LISTEN_PORT: port }: Partial<Settings>, problems: Problems): void {
  if (host !== undefined && !/^(?:127(?:\.\d+){3}|::1)$/.test(host)) {
    problems.add(
      `LISTEN_HOST is "${host}": with TLS_MODE=proxy it must be 127.0.0.1 or ::1, unless LISTEN_SOCKET is given`,
    );
  }
  if (!port)
    problems.add('LISTEN_PORT must be given with TLS_MODE=proxy: the port of PUBLIC_ORIGIN is that of the proxy');
}

function refuse(name: keyof Settings, why: string, settings: Partial<Settings>, problems: Problems): void {
  if (settings[name]) problems.add(`${name} is set: ${why}`);
}
