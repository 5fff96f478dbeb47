// Arrows point down this list: a room may import only what stands on a line before its own. Siblings never meet.
const lines = [
  ['kernel'],
  ['ocm', 'host'],
  ['persistence', 'transport'],
  ['audit'],
  ['access', 'outbox'],
  ['trust'],
  ['discovery'],
  ['notifications'],
  ['shares', 'federated-login'],
  ['pages'],
  ['operations'],
  ['federation.module.ts'],
  ['index.ts'],
  ['standalone', 'testing', 'main.ts'],
];
const at = (room) => (room.endsWith('.ts') ? `^src/${room.replace('.', '\\.')}$` : `^src/${room}/`);

const arrows = lines.flatMap((rooms, depth) =>
  rooms.map((room) => ({
    name: `arrow-${room}`,
    comment: `${room} may import only what stands above it: ${lines.slice(0, depth).flat().join(', ') || 'nothing of ours'}`,
    severity: 'error',
    from: { path: at(room) },
    to: {
      path: '^src/',
      // main.ts starts the server with the adapters of standalone/: the one arrow between rooms of the last line.
      pathNot: [at(room), ...lines.slice(0, depth).flat().map(at), ...(room === 'main.ts' ? [at('standalone')] : [])],
    },
  })),
);

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'public-face-only',
      comment: 'what runs or embeds us uses index.ts and nothing behind it',
      severity: 'error',
      from: { path: ['^src/main\\.ts$', '^src/standalone/', '^src/testing/'] },
      to: { path: '^src/', pathNot: ['^src/index\\.ts$', '^src/standalone/', '^src/testing/'] },
    },
    {
      name: 'no-lower-room-knows-standalone',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/main\\.ts$', '^src/standalone/'] },
      to: { path: '^src/standalone/' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'clients-only-in-transport',
      comment: 'the only code that calls another machine over HTTP',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/transport/' },
      to: { path: ['(^|/)undici(/|$)', '^(node:)?http2$'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'sockets-only-in-transport',
      comment:
        'transport opens sockets; operations listens on ours; the verdict on a caller reads the certificate of its socket; networks are only computed',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/transport/',
          '^src/operations/',
          '^src/trust/presented-certificate\\.ts$',
          '^src/kernel/cidr\\.ts$',
        ],
      },
      to: { path: '^(node:)?(net|tls|http|https|dgram)$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
