/** Which siblings the sources of a package may import. A package that is not named here may import nothing. */
const LAYERS = {
  core: [],
  'bounded-queue': ['core'],
  'circuit-breaker': ['core'],
  'connection-policy': ['core'],
  'channel-pool': ['core', 'bounded-queue', 'connection-policy'],
  'stream-scope': ['core'],
  'thread-channel': ['core'],
  'grpc-manifold': [
    'core',
    'bounded-queue',
    'channel-pool',
    'circuit-breaker',
    'connection-policy',
    'stream-scope',
    'thread-channel',
  ],
  testing: ['core'],
};

/** A sibling must also stand in the package's own dependencies: npm would find it in this repository without that. */
const declared = (folder) => {
  const { dependencies = {} } = require(`./packages/${folder}/package.json`);
  return LAYERS[folder].filter((sibling) => `@grpc-manifold/${sibling}` in dependencies);
};

const TESTS = '\\.test\\.ts$';

/** Matches everything in the named packages. */
const inside = (folders) => `^packages/(${folders.join('|')})/`;

const layerRules = Object.keys(LAYERS).flatMap((folder) => {
  const siblings = declared(folder);
  return [
    {
      name: `layers-${folder}`,
      comment: `${folder} imports ${siblings.join(', ') || 'no sibling'}`,
      severity: 'error',
      from: { path: inside([folder]), pathNot: TESTS },
      to: { path: '^packages/', pathNot: inside([folder, ...siblings]) },
    },
    {
      name: `layers-${folder}-tests`,
      comment: `Tests of ${folder} import what it imports, and testing`,
      severity: 'error',
      from: { path: `${inside([folder])}.*${TESTS}` },
      to: { path: '^packages/', pathNot: inside([folder, ...siblings, 'testing']) },
    },
  ];
});

/** The files of the pool itself. They stand together, and may import each other. */
const POOL = ['channel-pool', 'shared-channel', 'pool-parts', 'pool-environment'];

/** The rooms of channel-pool, the highest first: a room imports from those below it, and from itself. */
const ROOMS = [
  ['index', 'internal'],
  ['interceptor', 'registry', 'pooled-channel-factory'],
  POOL,
  ['calls'],
  ['membership'],
  ['ejection', 'opening', 'policies', 'watches'],
  ['member'],
  ['options'],
  ['pickers', 'reports'],
];

/** Matches everything in the named rooms: folders and single files of channel-pool's sources. */
const inRooms = (rooms) => `^packages/channel-pool/src/(${rooms.join('|')})(/|\\.ts$)`;

const roomRules = ROOMS.flatMap((floor, height) =>
  floor.map((room) => {
    const below = ROOMS.slice(height + 1).flat();
    const own = floor === POOL ? POOL : [room];
    return {
      name: `rooms-${room}`,
      comment: `${room} imports ${below.join(', ') || 'no other room'}`,
      severity: 'error',
      from: { path: inRooms([room]), pathNot: TESTS },
      to: { path: '^packages/channel-pool/src/', pathNot: inRooms([...own, ...below]) },
    };
  }),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    ...roomRules,
    {
      name: 'known-room',
      comment: 'A new room of channel-pool gets its place in ROOMS first',
      severity: 'error',
      from: { path: '^packages/channel-pool/src/', pathNot: [TESTS, inRooms(ROOMS.flat())] },
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'No cycles, neither between packages nor between files, types included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'known-package',
      comment: 'A new package gets its place in LAYERS first',
      severity: 'error',
      from: { path: '^packages/', pathNot: inside(Object.keys(LAYERS)) },
      to: {},
    },
    {
      name: 'packages-stand-alone',
      comment: 'Packages know nothing of the examples and tests built on them',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(examples|test)/' },
    },
    {
      name: 'tests-are-leaves',
      comment: 'Nothing imports a test',
      severity: 'error',
      from: {},
      to: { path: TESTS },
    },
    {
      name: 'siblings-by-name',
      comment: 'A package is imported by its name, never by a relative path into it',
      severity: 'error',
      from: { path: '^([^/]+/[^/]+)/' },
      to: { path: '^packages/', pathNot: '^$1/', dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'siblings-by-their-index',
      comment: 'What a package does not export is nobody else’s business',
      severity: 'error',
      from: { path: '^([^/]+/[^/]+)/' },
      to: {
        path: '^packages/',
        pathNot: [
          '^$1/',
          '^packages/[^/]+/src/(index|internal)\\.ts$',
          '^packages/thread-channel/src/thread/worker\\.ts$',
        ],
      },
    },
    {
      name: 'examples-use-main-entries',
      comment: 'An example shows what users may rely on; ./internal is for the packages and for test/',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^packages/[^/]+/src/internal\\.ts$' },
    },
    {
      name: 'resolvable',
      comment: 'Whatever is imported exists, and is exported by its package',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-dependencies',
      comment: 'What a package ships with stands in its own package.json, and not among its devDependencies',
      severity: 'error',
      from: { path: '^packages/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer', 'type-only'] },
    },
  ],
  options: {
    // Names of siblings resolve to their sources, so that an edge is seen whether or not anything was built.
    tsConfig: { fileName: 'tsconfig.cycles.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
