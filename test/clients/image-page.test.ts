import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { FAST_BERTH } from '../support/berth-program.ts'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage } from '../support/images.ts'
import { dockerEntries, layoutEntries, madeTar } from '../support/made-tar.ts'
import { run } from '../support/processes.ts'

const TEST_MS = 120_000
/** The second one asks about what the commands of the first one made. */
const PAGE = ['images.md', 'inside.md'].map((name) => readFileSync(join(import.meta.dir, '../../docs', name), 'utf8')).join('\n')

/** Each command of the blocks for a shell, on one line. */
const COMMANDS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== ''),
)

/** Section `image` as the page has it. */
const STACK_YAML = /^```yaml\n([\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? ''

let lab: ImageLab
let folder: string
beforeAll(async () => {
  lab = await ImageLab.start()
  folder = await lab.folder.directory('page')
  const layer = madeTar([{ path: 'a', bytes: 'a' }])
  const layout = layoutEntries(makeImage('page'))
  await lab.folder.file('page/app.tar', madeTar(dockerEntries([layer])))
  await lab.folder.file('page/several.tar', madeTar(severalImages(layer)))
  for (const { path, bytes = '' } of layout) await lab.folder.file(`page/layout/${path}`, Buffer.from(bytes))
  const files = [
    'root/bin/sh',
    'build/server',
    'static/index.html',
    'config/settings.yml',
    '.stack-work/install/a/b/c/bin/server',
  ]
  for (const file of files) await chmod(await lab.folder.file(`page/${file}`, file), 0o755)
  await lab.folder.file('page/stack.yaml', inLab(STACK_YAML))
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

test('the page has commands of all kinds', () => {
  expect(COMMANDS.filter((command) => !command.startsWith('berth image '))).toEqual([])
  expect(new Set(COMMANDS.map((command) => command.split(' ')[2]))).toEqual(
    new Set(['load', 'save', 'create', 'inspect', 'files', 'diff', 'sbom']),
  )
  expect(COMMANDS.length).toBeGreaterThan(10)
})

test.each(COMMANDS)(
  '%s',
  async (command) => {
    const script = inLab(command).replace(/^berth/, FAST_BERTH.map((word) => `'${word}'`).join(' '))

    const { exitCode, stderr } = await run(['sh', '-c', script], { environment: lab.environment, cwd: folder })

    expect([exitCode, stderr.split('\n').find((line) => line.startsWith('berth: '))]).toEqual([0, undefined])
  },
  TEST_MS,
)

function inLab(text: string): string {
  return text.replaceAll('registry.example.com:5000', lab.registry.address)
}

function severalImages(layer: Buffer<ArrayBuffer>) {
  const entries = dockerEntries([layer])
  const [image] = JSON.parse(String(entries.at(-1)?.bytes))
  const images = [image, { ...image, RepoTags: ['other:v1'] }]
  return [...entries.slice(0, -1), { path: 'manifest.json', bytes: JSON.stringify(images) }]
}
