import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cyclesOf, readSources, type SourceFile } from './support/source-files.ts'

/**
 * The shape of src/, read from its imports. Each test collects the sentences that say which file breaks its rule, so that a
 * failure tells what to change.
 */

const TEST = import.meta.dir
const MAX_LINES = 300
const MAX_FILES_OF_FOLDER = 15
const DRIVER = ['storage/driver.ts', 'storage/storage-errors.ts']

/** What each layer may import of ours, beside itself and runtime. A single file is named with its extension. */
const LAYERS: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  runtime: [],
  oci: [],
  retention: ['oci'],
  config: ['oci'],
  observe: [],
  certificates: ['config', 'observe'],
  recipes: [],
  doctor: [],
  upstream: ['oci'],
  images: ['oci', 'upstream', 'config/source/yaml-text.ts'],
  agent: ['oci', 'upstream', 'images', 'observe/log.ts'],
  storage: ['oci', 'observe'],
  metadata: ['oci', 'observe'],
  registry: [
    ...['oci', 'retention', 'observe', 'upstream', 'metadata', ...DRIVER, 'storage/layout.ts', 'storage/layout-walk.ts'],
    ...['storage/layout-entry.ts', 'storage/layout-obstacle.ts', 'storage/all-ended.ts'],
    /^images\/(?:image-error|inside\/.+)\.ts$/,
  ],
  access: ['oci', 'observe', ...DRIVER, 'storage/layout.ts'],
  http: ['oci', 'observe', 'registry', 'access'],
  opening: ['oci', 'config', 'observe', 'metadata', 'storage'],
  'composition/listen-error.ts': ['config'],
  'composition/start-error.ts': [
    ...['oci', 'config', 'storage/filesystem/probe.ts', 'metadata', 'access', 'certificates'],
    ...['registry/storage-gate.ts', 'http/server/stale-socket.ts'],
    ...['composition/listen-error.ts', 'composition/debug-server.ts', 'composition/storage-check.ts'],
  ],
  'composition/debug-server.ts': ['config', 'observe', 'http', 'composition/listen-error.ts'],
  'composition/certificate-orders.ts': ['config', 'observe', 'http', 'certificates', 'composition/listen-error.ts'],
  'composition/public-server.ts': [
    ...['config', 'observe', 'http', 'certificates', 'processes/free-port.ts', 'processes/count.ts'],
    'composition/listen-error.ts',
  ],
  'composition/monitoring.ts': [
    ...['config', 'observe', ...DRIVER, 'registry/status.ts', 'registry/storage-gate.ts'],
    ...['registry/handover/handover.ts', 'http/probes.ts'],
  ],
  'composition/only-database.ts': ['observe', 'metadata', 'opening', 'registry'],
  'composition/accounts/access-control.ts': ['config', 'observe', 'access'],
  'composition/accounts/accounts-control.ts': ['config', 'observe', ...DRIVER, 'access', 'http/answer/links.ts'],
  'storage-copy': ['oci', ...DRIVER, 'storage/layout.ts', 'storage/layout-walk.ts'],
  'composition/storage-commands.ts': [
    ...['composition/start-error.ts', 'config', 'observe', 'storage', 'metadata', 'opening', 'storage-copy'],
    ...['registry/handover/database-presence.ts'],
  ],
  operating: [
    ...['oci', 'retention', 'config', 'observe', 'metadata', 'opening', 'registry', ...DRIVER],
    ...['composition/start-error.ts', 'composition/only-database.ts', 'composition/mirror-source.ts'],
  ],
  'composition/storage-check.ts': ['config', 'observe', 'storage', 'opening'],
  'composition/store-sign.ts': ['registry', 'storage'],
  'composition/mirror-source.ts': ['oci', 'config', 'observe', 'certificates', 'registry', 'upstream'],
  'composition/start-registry.ts': [
    ...['config', 'observe', 'storage', 'metadata', 'opening', 'registry', 'upstream/exchange.ts', 'composition/store-sign.ts'],
    ...['composition/mirror-source.ts', 'composition/only-database.ts', 'composition/start-error.ts'],
  ],
  'composition/life.ts': [
    ...['config', 'observe', 'metadata', 'opening', 'registry', 'access', 'http', 'composition/start-registry.ts'],
    ...['composition/accounts/access-control.ts', 'composition/accounts/accounts-control.ts', 'composition/monitoring.ts'],
    'composition/only-database.ts',
  ],
  'composition/lives.ts': ['observe', 'metadata', 'http/door.ts', 'composition/life.ts'],
  'composition/app.ts': [
    ...['config', 'observe', 'registry', 'upstream/exchange.ts', 'access', 'http', 'certificates'],
    ...['composition/debug-server.ts', 'composition/monitoring.ts', 'composition/only-database.ts', 'composition/start-error.ts'],
    ...['composition/life.ts', 'composition/lives.ts', 'composition/public-server.ts', 'composition/certificate-orders.ts'],
  ],
  'composition/accounts/account-operator.ts': ['composition/start-error.ts', 'config', 'opening', 'access', 'metadata'],
  processes: ['config', 'observe'],
  cli: [
    ...['composition/app.ts', 'composition/accounts/account-operator.ts', 'composition/storage-commands.ts', 'storage-copy'],
    ...['composition/debug-server.ts', 'composition/listen-error.ts', 'composition/start-error.ts'],
    ...['config', 'observe', 'processes', 'access', 'composition/certificate-orders.ts', 'certificates', 'recipes', 'doctor'],
    ...['composition/storage-check.ts', 'storage/check-step.ts', 'operating', 'images', 'agent', 'oci/name.ts'],
  ],
  'main.ts': ['cli'],
}

/** The packages of others, and the only places that may import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/credential-provider-node': ['storage'],
  '@peculiar/x509': ['certificates'],
  'acme-client': ['certificates'],
  'reflect-metadata': ['certificates'],
  commander: ['cli'],
  jose: ['access'],
  pino: ['observe'],
  re2js: ['config'],
  'prom-client': ['observe'],
  saxes: ['storage'],
  yaml: ['config'],
  zod: ['config', 'oci', 'access', 'http'],
  'bun:ffi': ['http'],
  'bun:jsc': ['http', 'registry'],
  // rpm's database in an image is one of SQLite.
  'bun:sqlite': ['metadata', 'images'],
}

/** What asks rpm's own tables in an image. */
const RPM_DATABASE = 'images/inside/packages/rpm.ts'

/** Where things are put together. */
const COMPOSING = [
  ...['composition/app.ts', 'composition/only-database.ts', 'composition/accounts/account-operator.ts', 'opening', 'operating'],
  ...['composition/start-registry.ts', 'composition/storage-check.ts', 'composition/start-error.ts'],
  'composition/storage-commands.ts',
]

/** Where a class that stands behind an interface lives; beside its neighbours only those who put things together know its name. */
const CONCRETE = /^storage\/[a-z0-9-]+\//

const files = readSources()
const sources = files.filter((file) => !file.path.endsWith('.test.ts'))
const known = new Set(files.map((file) => file.path))

describe('dependencies', () => {
  test('point from main.ts and composition down to oci', () => {
    const violations = importsOfOurs().flatMap(({ file, imported }) => {
      const layer = layerOf(file.path)
      const allowed = LAYERS[layer]
      if (allowed === undefined) return [`${file.path} is in no layer of this test`]
      if (
        layerOf(imported) === layer ||
        layerOf(imported) === 'runtime' ||
        allowed.includes(layerOf(imported)) ||
        allowed.some((each) => (each instanceof RegExp ? each.test(imported) : each === imported))
      )
        return []
      return [`${file.path} imports ${imported}, but ${layer} may import only ${allowed.join(', ') || 'nothing of ours'}`]
    })

    expect(violations).toEqual([])
  })

  test('of the registry on its metadata are on questions that any engine answers', () => {
    const violations = importsOfOurs().flatMap(({ file, imported }) =>
      layerOf(file.path) === 'registry' && imported.startsWith('metadata/sqlite/') ? [`${file.path} imports ${imported}`] : [],
    )

    expect(violations).toEqual([])
  })

  test('on drivers and databases are where things are put together', () => {
    const opensDatabase = new Set(sources.filter((file) => file.imports.includes('bun:sqlite')).map((file) => file.path))
    const violations = importsOfOurs().flatMap(({ file, imported }) => {
      const concrete = CONCRETE.test(imported) || opensDatabase.has(imported)
      if (!concrete || COMPOSING.includes(layerOf(file.path)) || layerOf(file.path) === layerOf(imported)) return []
      return [`${file.path} imports ${imported}; only ${COMPOSING.join(', ')} may say which driver or database is used`]
    })

    expect(violations).toEqual([])
  })

  test('on the packages of others are few, and each in its place', () => {
    const violations = sources.flatMap((file) =>
      file.imports.flatMap((name) => {
        if (name.includes('.ts') || /^(?:node:|\.\.\/|http\/page\/assets\/)/.test(name)) return []
        const places = PACKAGES[name]
        if (places === undefined) return [`${file.path} imports ${name}, which is not on the list of packages`]
        return places.includes(layerOf(file.path))
          ? []
          : [`${file.path} imports ${name}, which belongs to ${places.join(' and ')}`]
      }),
    )

    expect(violations).toEqual([])
  })

  test('of package.json are those that the source imports', () => {
    const manifest = JSON.parse(readFileSync(join(TEST, '../package.json'), 'utf8')) as { dependencies: Record<string, string> }
    const imported = Object.keys(PACKAGES).filter((name) => !name.startsWith('bun:'))

    expect(Object.keys(manifest.dependencies).sort()).toEqual(['bun', ...imported].sort())
    expect(Object.values(manifest.dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  test('have no cycles', () => {
    expect(cyclesOf(new Map(sources.map((file) => [file.path, file.imports.filter((name) => known.has(name))])))).toEqual([])
  })

  test('have no cycles between folders that stand side by side', () => {
    expect(cyclesOf(importsBetweenFolders())).toEqual([])
  })

  test('are named with their extension', () => {
    const violations = importsOfOurs().flatMap(({ file, imported }) =>
      known.has(imported) ? [] : [`${file.path} imports ${imported}, which is not a file of src`],
    )

    expect(violations).toEqual([])
  })
})

describe('what belongs to one place', () => {
  test('SQL is in metadata', () => {
    const sql =
      /[`'"]\s*(select|insert into|insert or|delete from|update \w+ set|create (unique )?(table|index)|pragma|begin|with \w+ as)\s/i
    const violations = sources.flatMap((file) =>
      layerOf(file.path) !== 'metadata' && file.path !== RPM_DATABASE && sql.test(file.code)
        ? [`${file.path} holds SQL, which belongs to metadata`]
        : [],
    )

    expect(violations).toEqual([])
  })

  test.each([
    ['Bun.serve', /\bBun\.serve\b/, ['http/server/server.ts']],
    [
      'the environment',
      /\bprocess\.env\b/,
      [
        ...[
          'cli/serve/serve.ts',
          'cli/serve/serve-in-processes.ts',
          'cli/config.ts',
          'cli/check-config.ts',
          'cli/health.ts',
          'cli/storage/storage-check.ts',
          'cli/storage/served-config.ts',
          'cli/serve/re-execute.ts',
          ...['cli/operate.ts', 'cli/images/user-settings.ts', 'cli/agent/agent-environment.ts'],
        ],
        ...['storage/filesystem/disk.ts', 'composition/app.ts', 'opening/local-state.ts'],
      ],
    ],
    ["Bun's FileSink, which loses errors,", /\.writer\(/, []],
    ['an in-place exception from lint or types', /biome-ignore|@ts-ignore|@ts-expect-error|@ts-nocheck/, []],
  ])('%s is nowhere else', (what, pattern, places: readonly string[]) => {
    const violations = sources.flatMap((file) =>
      pattern.test(what.startsWith('an in-place') ? file.text : file.code) && !places.includes(file.path)
        ? [`${file.path} uses ${what.replace(/,$/, '')}; allowed in ${places.join(', ') || 'no file'}`]
        : [],
    )

    expect(violations).toEqual([])
  })
})

test('no file is longer than a reader can hold', () => {
  const tests = [...new Bun.Glob('**/*.ts').scanSync(TEST)].map((path) => ({
    path: `test/${path}`,
    text: readFileSync(join(TEST, path), 'utf8'),
  }))
  const violations = [...files, ...tests].flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1
    return lines > MAX_LINES ? [`${path} has ${lines} lines; ${MAX_LINES} are allowed`] : []
  })

  expect(violations).toEqual([])
})

test('folders are rooms: no more files side by side than a reader keeps in mind', () => {
  const folders = Map.groupBy(sources, (file) => dirname(file.path))
  const violations = [...folders].flatMap(([folder, inside]) =>
    inside.length > MAX_FILES_OF_FOLDER ? [`${folder} has ${inside.length} files; ${MAX_FILES_OF_FOLDER} are allowed`] : [],
  )

  expect(violations).toEqual([])
})

/** Each file that puts things together has rules of its own. */
function layerOf(path: string): string {
  return path in LAYERS ? path : (path.split('/')[0] ?? path)
}

/** Every import of a file of ours by another; unit tests may set up what they like. */
function importsOfOurs(): { readonly file: SourceFile; readonly imported: string }[] {
  return sources.flatMap((file) =>
    file.imports.filter((name) => name.includes('.ts') && !name.startsWith('../')).map((imported) => ({ file, imported })),
  )
}

/** Folder to the folders that its files import from. A folder and one inside it are one room, and not counted. */
function importsBetweenFolders(): Map<string, string[]> {
  const folders = new Map<string, string[]>()
  for (const { file, imported } of importsOfOurs()) {
    const [from, to] = [`${dirname(file.path)}/`, `${dirname(imported)}/`]
    if (from.startsWith(to) || to.startsWith(from)) continue
    folders.set(from, [...(folders.get(from) ?? []), to])
  }
  return folders
}
