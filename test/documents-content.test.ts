import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { berthProgram } from '../src/cli/berth-program.ts'
import { overlayEnvironment } from '../src/config/environment.ts'
import { readTexts } from '../src/config/readings.ts'
import { keyOf } from '../src/config/schema/keys.ts'
import { schema } from '../src/config/schema/schema.ts'
import { isSection, type Tree } from '../src/config/source/tree.ts'
import { parseYaml } from '../src/config/source/yaml-text.ts'
import { keyAt } from '../src/config/unknown.ts'

/** What the documents say about the program, compared with the program. */

const ROOT = join(import.meta.dir, '..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'docs/*.md', 'docs/operations/*.md'].flatMap((pattern) => [
  ...new Bun.Glob(pattern).scanSync(ROOT),
])
const TEXTS = PAGES.map((page) => ({ page, text: readFileSync(join(ROOT, page), 'utf8') }))
/** What stands between backticks on one line. */
const CODE = /`([^`\n]+)`/g
/** Attributes of a span, whose names look like keys of ours. */
const OPENTELEMETRY = /^http\.(request|response|route)\b/
const BLOCK = /^[ ]*```(\w+)\n([\s\S]*?)^[ ]*```/gm

test('the commands of Berth that the documents name are there, with their options', () => {
  const named = TEXTS.flatMap(({ page, text }) =>
    commandsIn(text).map((words) => ({ page, words, problem: problemOf(words.slice(1), berthProgram()) })),
  )

  expect(named.length).toBeGreaterThan(45)
  expect(
    named.flatMap(({ page, words, problem }) => (problem === undefined ? [] : [`${page}: ${words.join(' ')}: ${problem}`])),
  ).toEqual([])
})

test('the keys of the configuration that the documents name are there', () => {
  const sections = shapeNames([])
  const named = TEXTS.flatMap(({ page, text }) =>
    [...text.matchAll(CODE)].flatMap(([, code = '']) => {
      const [key = ''] = /^[a-z0-9]+(\.[a-z0-9_]+)+(?=$|:\s)/.exec(code) ?? []
      return key !== '' && !OPENTELEMETRY.test(key) && sections.includes(key.split('.')[0] ?? '') ? [{ page, key }] : []
    }),
  )
  const unknown = named.filter(({ key }) => !isKnown(key.split('.')))

  expect(named.length).toBeGreaterThan(100)
  expect(unknown).toEqual([])
})

test('the configurations that the documents show have no key that there is not', () => {
  const shown = TEXTS.flatMap(({ page, text }) =>
    blocksOf(text, 'yaml').flatMap((block) => {
      const { tree, problems } = parseYaml(block.replaceAll('…', 'x'))
      return problems.length === 0 && isConfiguration(tree) ? [{ page, tree }] : []
    }),
  )
  const unknown = shown.flatMap(({ page, tree }) => {
    const issues = schema.safeParse(tree).error?.issues ?? []
    const mistakes = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))
    return [...readTexts(tree, new Map()).unknown.map(({ path }) => path.join('.')), ...mistakes].map((key) => `${page}: ${key}`)
  })

  expect(shown.length).toBeGreaterThan(12)
  expect(unknown).toEqual([])
})

test('the variables that the documents name are settings', () => {
  const named = TEXTS.flatMap(({ page, text }) =>
    [...text.matchAll(/\bREGISTRY_[A-Z0-9_-]+(?==)/g)].map(([name]) => ({ page, name })),
  )
  // Of Kubernetes, as the pages say.
  const settings = named.filter(({ name }) => name !== 'REGISTRY_PORT')
  const unknown = settings.filter(({ name }) => overlayEnvironment({}, new Map(), { [name]: 'x' }).unknown.length > 0)

  expect(settings.length).toBeGreaterThan(10)
  expect(unknown).toEqual([])
})

test('the scripts and the files that the documents name are there', () => {
  const scripts = TEXTS.flatMap(({ page, text }) =>
    [...text.matchAll(/\bnpm run ([a-z:]+)/g)].map(([, name = '']) => ({ page, name })),
  )
  const files = TEXTS.flatMap(({ page, text }) =>
    [...text.matchAll(/`((?:src|test|docs|deploy|scripts|bench)\/[^`\s*<>]+)`/g)].map(([, path = '']) => ({ page, path })),
  )

  expect(scripts.length).toBeGreaterThan(5)
  expect(files.length).toBeGreaterThan(30)
  expect(scripts.filter(({ name }) => !(name in manifest.scripts))).toEqual([])
  expect(files.filter(({ path }) => !['', '.ts', '.test.ts'].some((end) => existsSync(join(ROOT, path + end))))).toEqual([])
})

test('the lines of the log and the metrics that the documents name are those of the source', () => {
  const source = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)].map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n')
  const lines = TEXTS.flatMap(({ page, text }) =>
    [...text.replaceAll('\n', ' ').matchAll(/\b(?:the log|one line|another one|each start)[^`.;|]*`([^`]+)`/g)].map(
      ([, line = '']) => ({ page, line }),
    ),
  ).filter(({ line }) => / /.test(line) && !/[=<…]|^--/.test(line))
  const metrics = TEXTS.flatMap(({ page, text }) =>
    [...text.matchAll(/`(berth_[a-z_]+)`/g)].map(([, name = '']) => ({ page, name: name.replace(/_(bucket|count|sum)$/, '') })),
  )

  expect(lines.length).toBeGreaterThan(5)
  expect(metrics.length).toBeGreaterThan(10)
  expect(lines.filter(({ line }) => !source.includes(line))).toEqual([])
  expect(metrics.filter(({ name }) => !source.includes(`'${name}'`))).toEqual([])
})

/** Each sentence that says that something is missing, and whether it is. */
const MISSING: readonly (readonly [sentence: RegExp, isMissing: () => boolean])[] = [
  [/a setting that it does not have yet/, () => notYetKeys().length > 0],
  [/has and Berth does not have yet\./, () => notYetKeys().length > 0],
]

test('what the documents call missing is missing, and nothing else is called so', () => {
  const said = TEXTS.flatMap(({ page, text }) => {
    const sentences = text.replaceAll('\n', ' ').split(/(?<=[.:|]) /)
    return sentences
      .filter((sentence) => /\b(not|nor|cannot)\b[^.]*\byet\b/.test(sentence) && !isAboutNow(sentence))
      .map((sentence) => ({ page, sentence }))
  })
  const wrong = said.filter(({ sentence }) => !MISSING.some(([pattern, isMissing]) => pattern.test(sentence) && isMissing()))

  expect(wrong).toEqual([])
  for (const [pattern] of MISSING) expect(TEXTS.some(({ text }) => pattern.test(text.replace(/\s+/g, ' ')))).toBe(true)
})

test('the settings that the compatibility page calls later work are refused, and it names all of them', () => {
  const page = TEXTS.find(({ page }) => page === 'docs/compatibility.md')?.text ?? ''
  const [, row = ''] = /^\| Setting of later work \|([^\n]*)$/m.exec(page) ?? []

  for (const key of notYetKeys()) {
    const words = key.startsWith('storage.') ? 'other storage drivers' : `\`${key}\``
    expect(row).toContain(words)
  }
  for (const [, key = ''] of row.matchAll(CODE)) expect(notYetKeys()).toContain(key)
})

/** `yet` about a moment, not about the program. */
function isAboutNow(sentence: string): boolean {
  return /has not (seen|been)|does not know yet|is not trusted yet|noticed yet|nothing yet|without its key yet/.test(sentence)
}

function notYetKeys(at: readonly string[] = []): string[] {
  return shapeNames(at).flatMap((name) => {
    const path = [...at, name]
    return keyAt(path)?.kind === 'not yet' ? [path.join('.')] : notYetKeys(path)
  })
}

function shapeNames(path: readonly string[]): string[] {
  const key = path.length === 0 ? keyOf(schema) : keyAt(path)
  return key?.kind === 'section' ? Object.keys(key.shape) : []
}

/** Below what Berth does not read the pages may name what registry:2 has. */
function isKnown(path: readonly string[]): boolean {
  for (let length = 1; length <= path.length; length++) {
    const key = keyAt(path.slice(0, length)) ?? keyAt([...path.slice(0, length - 1), '0', ...path.slice(length - 1, length)])
    if (key === undefined) return false
    if (key.kind !== 'section' && key.kind !== 'list') return key.kind !== 'value' || length === path.length
  }
  return true
}

function isConfiguration(tree: Tree): tree is { [key: string]: Tree } {
  const names = isSection(tree) ? Object.keys(tree) : []
  return names.length > 0 && names.every((name) => shapeNames([]).includes(name))
}

function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(BLOCK)].flatMap(([, kind, body = '']) => (kind === language ? [body] : []))
}

/** The words of each command, as a shell reads them, up to what the shell does with it. */
function commandsIn(text: string): string[][] {
  const lines = [
    ...blocksOf(text, 'sh').flatMap((block) => block.split('\n')),
    ...[...text.matchAll(CODE)].map(([, code = '']) => code),
  ]
  return lines.flatMap((line) => {
    const [, command = ''] = /(?:^|npx |exec (?:-it \w+ )?|[A-Z_]+=\S+ )(berth [^|<>#;&…]*)/.exec(line.trim()) ?? []
    const words = command.match(/'[^']*'|"[^"]*"|\S+/g) ?? []
    return words.length > 1 && !/^[.:]/.test(words[1] ?? '') ? [words] : []
  })
}

function problemOf(words: readonly string[], command: Command): string | undefined {
  const [word, ...rest] = words
  if (word === undefined) return undefined
  // A hyphen alone stands for standard input or output.
  if (word.startsWith('-') && word !== '-') {
    const name = word.split('=')[0]
    const option = command.options.find(({ long, short }) => long === name || short === name)
    const isHelp = name === '--help' || name === '--version'
    if (option === undefined && !isHelp) return `${command.name()} has no option ${name}`
    return problemOf(option?.required === true && !word.includes('=') ? rest.slice(1) : rest, command)
  }
  const sub = command.commands.find((candidate) => candidate.name() === word)
  if (sub !== undefined) return problemOf(rest, sub)
  return command.commands.length > 0 && /^[a-z-]+$/.test(word)
    ? `${command.name()} has no command ${word}`
    : problemOf(rest, command)
}
