import { once } from 'node:events';
import type { Socket } from 'node:net';

/** The socket once the event has come; if an error or the signal is first, the socket is destroyed. */
export async function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  // Between two owners of a socket an error must not find nobody listening; the next owner sees it as destroyed.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  }
}
