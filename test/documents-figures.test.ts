import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import expected from '../bench/counts/expected.json' with { type: 'json' }
import { FILE_CALLS } from '../bench/counts/trace.ts'
import { WORK } from '../bench/counts/work.ts'
import manifest from '../package.json' with { type: 'json' }
import { AUTHORITY_DAYS, SERVER_DAYS } from '../src/certificates/issue.ts'
import { MAX_RANGES } from '../src/http/answer/ranges.ts'
import { MOST_HEADER_BYTES } from '../src/http/server/header-size.ts'
import { PATIENCE } from '../src/http/server/patience.ts'
import { MAX_MANIFEST_BYTES } from '../src/oci/manifest.ts'
import { MAX_ARTIFACT_TYPE_BYTES, MAX_CHILDREN, MAX_DEPTH, MAX_VALUES, MAX_VALUES_TOGETHER } from '../src/oci/manifest-bounds.ts'
import { REMEMBERED_MS } from '../src/registry/mirror/absences.ts'
import { FAILURES_IN_A_ROW, FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../src/upstream/circuit.ts'
import { PATIENCE_MS as HELPER_PATIENCE_MS } from '../src/upstream/credential-helper.ts'

/** Figures, versions and names in the documents, compared with the program. */

const ROOT = join(import.meta.dir, '..')
const MIB = 1024 * 1024
const HOUR_MS = 3_600_000

test('the table of what a request costs has the figures that CI holds (npm run bench -- counts --write-docs)', () => {
  const page = read('docs/benchmarks.md')
  const counts: Readonly<Record<string, number>> = expected.syncsNames
  const calls = FILE_CALLS.filter((name) => !name.startsWith('bytes'))
  const said = WORK.map(({ name, title }) => {
    const row = page.split('\n').find((line) => line.startsWith(`| ${title} |`)) ?? ''
    const [, , fsyncs, , fileCalls, , , , , , statements, transactions] = row.split('|').map((cell) => Number(cell))
    return { name, fsyncs, fileCalls, statements, transactions }
  })

  expect(said).toEqual(
    WORK.map(({ name }) => ({
      name,
      fsyncs: counts[`${name}.files.fsync`],
      fileCalls: calls.reduce((sum, call) => sum + (counts[`${name}.files.${call}`] ?? 0), 0),
      statements: (counts[`${name}.metadata.reads`] ?? 0) + (counts[`${name}.metadata.statements`] ?? 0),
      transactions: counts[`${name}.metadata.transactions`],
    })),
  )
})

test.each([
  ['docs/operations/limits.md', `| A manifest | ${MAX_MANIFEST_BYTES / MIB} MiB`],
  ['docs/operations/limits.md', `| Values in a manifest (texts, numbers, lists and objects together) | ${grouped(MAX_VALUES)} |`],
  [
    'docs/operations/limits.md',
    `| Values in one list or object of a manifest, so layers, children or annotations | ${grouped(MAX_VALUES_TOGETHER)} |`,
  ],
  ['docs/operations/limits.md', `| Levels of a manifest | ${MAX_DEPTH};`],
  ['docs/operations/limits.md', `| Manifests that an image index names | ${grouped(MAX_CHILDREN)} |`],
  ['docs/operations/limits.md', `| The artifact type of a manifest | ${grouped(MAX_ARTIFACT_TYPE_BYTES)} bytes |`],
  ['docs/operations/limits.md', `| Ranges in one GET of a blob | ${grouped(MAX_RANGES)};`],
  ['docs/operations/limits.md', `| The request line and the headers | ${MOST_HEADER_BYTES / 1024} KiB`],
  ['docs/operations/limits.md', `| A body that pauses | ${PATIENCE.writerMs === HOUR_MS ? 'an hour' : PATIENCE.writerMs}`],
  [
    'docs/operations/limits.md',
    `| An answer that is not read | ${PATIENCE.readerMs === HOUR_MS ? 'an hour' : PATIENCE.readerMs}`,
  ],
  ['docs/compatibility.md', `More than ${MAX_RANGES} ranges`],
  ['docs/compatibility.md', `Headers above ${MOST_HEADER_BYTES / 1024} KiB`],
  [
    'docs/mirrors.md',
    `${FAILURES_IN_A_ROW === 5 ? 'After five' : FAILURES_IN_A_ROW} failures in a row the upstream is left alone`,
  ],
  ['docs/mirrors.md', `After ${FIRST_PAUSE_MS / 1000} seconds one request`],
  ['docs/mirrors.md', `doubles, up to ${LONGEST_PAUSE_MS === 60_000 ? 'a minute' : LONGEST_PAUSE_MS}.`],
  ['docs/mirrors.md', `less than ${REMEMBERED_MS / 1000} seconds ago`],
  ['docs/mirrors.md', `It has ${HELPER_PATIENCE_MS / 1000}\nseconds`],
  ['docs/tls.md', `(\`ca.crt\`, ${AUTHORITY_DAYS === 3650 ? 'ten years' : AUTHORITY_DAYS})`],
  ['docs/tls.md', `(\`registry.crt\`, ${SERVER_DAYS} days)`],
])('%s names the limit of the program: %s', (page, words) => {
  expect(read(page)).toContain(words)
})

test('a decision that names the version of a library names the one that is used', () => {
  const versions: Readonly<Record<string, string>> = { ...manifest.dependencies, ...manifest.devDependencies }
  const named = pages('docs/decisions/*.md').flatMap((page) =>
    [...read(page).matchAll(/([@a-z][\w@/-]*) (\d+\.\d+\.\d+)\b/g)].flatMap(([, name = '', version]) =>
      versions[name] === undefined ? [] : [{ page, name, version }],
    ),
  )

  expect(named.length).toBeGreaterThan(2)
  expect(named.filter(({ name, version }) => versions[name] !== version)).toEqual([])
})

test('classes, functions and variables that the documents name are in the source', () => {
  const source = ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'scripts/**', 'tsconfig.json']
    .flatMap((pattern) => pages(pattern))
    .map(read)
    .join('\n')
  const named = pages('*.md', 'docs/**/*.md').flatMap((page) =>
    [...read(page).matchAll(/`#?([A-Za-z]*[a-z][A-Z]\w*)(?:\(\))?`/g)].map(([, name = '']) => ({ page, name })),
  )

  expect(named.length).toBeGreaterThan(25)
  expect(named.filter(({ name }) => !OF_OTHERS.includes(name) && !source.includes(name))).toEqual([])
})

/** Fields of a certificate, a permission of a bucket, and an option of node:http that does not do what is wanted. */
const OF_OTHERS = ['AbortIncompleteMultipartUpload', 'inhibitAnyPolicy', 'maxConnections', 'policyConstraints', 'policyMappings']

test('the page about metrics names each handler that is counted, and each metric of registry:2', () => {
  const page = read('docs/operations/metrics.md')
  const source = read('src/observe/metrics/request-metrics.ts')
  const [, list = ''] = /const HANDLERS[^=]*= \[([^\]]*)\]/.exec(source) ?? []
  const handlers = [...list.matchAll(/'(\w+)'/g)].map(([, name = '']) => name)
  const [, sentence = ''] = /^`handler` is ([^.]*)\./m.exec(page) ?? []

  expect([...sentence.matchAll(/`(\w+)`/g)].map(([, name = '']) => name).sort()).toEqual(handlers.sort())
  for (const [name] of source.matchAll(/registry_[a-z_]+/g)) expect(page).toContain(`\`${name}\``)
})

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function pages(...patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
}

/** As the documents write numbers: 50,000. */
function grouped(value: number): string {
  return value.toLocaleString('en')
}
