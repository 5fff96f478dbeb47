/**
 * Preloaded into servers that a script of ours has started. Their standard input is a pipe that nobody writes to: it ends
 * when that script does, for whatever reason, and then they stop too.
 */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
process.stdin.unref?.();
