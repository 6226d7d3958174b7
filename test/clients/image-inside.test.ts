import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, readFile } from 'node:fs/promises'
import { ImageLab } from '../support/image-lab.ts'
import { type Image, makeImage, sha256 } from '../support/images.ts'
import { layoutEntries, madeTar } from '../support/made-tar.ts'
import { runToSuccess } from '../support/processes.ts'

const TEST_MS = 120_000

let lab: ImageLab
beforeAll(async () => {
  lab = await ImageLab.start()
  await lab.folder.file('root/app/server', '#!/usr/bin/env python3\nprint()\n')
  await cp('/var/lib/dpkg/status', lab.folder.join('dpkg-status'))
  await cp('/usr/lib/os-release', lab.folder.join('os-release'))
  const places = { 'dpkg-status': '/var/lib/dpkg/status', 'os-release': '/usr/lib/os-release', root: '/' }
  const added = Object.entries(places).flatMap(([from, to]) => ['--add', `${lab.folder.join(from)}:${to}`])
  await lab.berth('create', lab.name('debian:v1'), ...added, '--entrypoint', '/app/server', '--port', '8080', '--user', 'app')
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

describe('berth image inspect', () => {
  test(
    'finds each package of this machine that dpkg finds, in the same versions',
    async () => {
      const format = `${['db:Status-Status', 'Package', 'Version', 'Architecture'].map((field) => `\${${field}}`).join('\t')}\n`
      const known = await runToSuccess(['dpkg-query', '--show', `--showformat=${format}`], { environment: lab.environment })
      const installed = known.split('\n').filter((line) => line.startsWith('installed\t'))

      const printed = await lab.berth('inspect', lab.name('debian:v1'), '--packages')

      const found = printed.split('\n').filter((line) => line.startsWith('deb\t'))
      const plain = (line: string) => line.split('\t').slice(1, 4).join(' ')
      expect(found.map(plain).sort()).toEqual(installed.map(plain).sort())
      expect(found.length).toBeGreaterThan(50)
    },
    TEST_MS,
  )

  test(
    'tells on one screen what the image is',
    async () => {
      const [, pretty] = /PRETTY_NAME="(.+)"/.exec(await readFile('/usr/lib/os-release', 'utf8')) ?? []

      const printed = await lab.berth('inspect', lab.name('debian:v1'))

      expect(printed).toContain(`Distribution  ${pretty}\n`)
      expect(printed).toMatch(/^Packages {6}\d+ deb$/m)
      expect(printed).toContain('Runs          app/server: a script of python3 (/usr/bin/env python3)\n')
      expect(printed).toContain('As user       app\n')
      expect(printed).toContain('Listens on    8080/tcp\n')
      expect(printed).toContain('Base          not known: no annotation and no label names it\n')
      expect(printed).toMatch(/^Layers {8}3, /m)
    },
    TEST_MS,
  )

  test(
    'says what it cannot know, and what it could not read',
    async () => {
      const archive = await lab.folder.file('broken.tar', madeTar(layoutEntries(withLayer('this is no layer at all'))))
      await lab.berth('load', archive, lab.name('broken:latest'))

      const { exitCode, stdout, stderr } = await lab.tryBerth(['inspect', lab.name('broken:latest')])

      expect(exitCode).toBe(0)
      expect(stdout).toContain('Distribution  not known: no os-release in it\n')
      expect(stderr).toMatch(/berth: not all is told: the layer sha256:[0-9a-f]{64} is no tar archive, or was cut\n/)
    },
    TEST_MS,
  )
})

test(
  'berth image files lists a folder as a container sees it, with the layer of each file',
  async () => {
    const printed = await lab.berth('files', lab.name('debian:v1'), '/app')

    expect(printed).toMatch(/^-rw-r--r-- +0:0 +31 {3}#3 {2}\/app\/server\n$/)
    const missing = await lab.tryBerth(['files', lab.name('debian:v1'), '/nothing'])
    expect([missing.exitCode, missing.stderr]).toEqual([1, 'berth: there is nothing at /nothing in the image\n'])
  },
  TEST_MS,
)

test(
  'berth image diff of two builds names exactly what was changed, also where no size did',
  async () => {
    for (const [build, value] of [
      ['one', '1'],
      ['two', '2'],
    ] as const) {
      await lab.folder.file(`${build}/srv/same`, 'the same')
      await lab.folder.file(`${build}/srv/value`, value)
      await lab.folder.file(`${build}/srv/node_modules/a/package.json`, `{"name":"a","version":"1.0.${value}"}`)
    }
    await lab.folder.file('one/srv/old', 'old')
    await lab.folder.file('two/srv/new', 'new ones')
    for (const build of ['one', 'two'])
      await lab.berth('create', lab.name(`diff:${build}`), '--add', `${lab.folder.join(build)}:/`, '--cmd', `run-${build}`)

    const printed = await lab.berth('diff', lab.name('diff:one'), lab.name('diff:two'))

    expect(printed.split('\n').slice(2)).toEqual([
      '0 of 1 layers are the same',
      '',
      'Config: 1',
      '  ~ command ["run-one"] -> ["run-two"]',
      '',
      'Packages: 1',
      '  ~ npm a 1.0.1 -> 1.0.2',
      '',
      'Files: 4',
      '  + /srv/new (8 bytes)',
      '  - /srv/old (3 bytes)',
      '  ~ /srv/node_modules/a/package.json (30 bytes)',
      '  ~ /srv/value (1 byte)',
      '',
    ])
    expect(await lab.berth('diff', lab.name('diff:one'), lab.name('diff:one'))).toContain('Nothing in them is different.\n')
  },
  TEST_MS,
)

test.each([
  ['cyclonedx', (list: Sbom) => list.components?.map(({ purl }) => purl)],
  [
    'spdx',
    (list: Sbom) =>
      list.packages?.flatMap(({ externalRefs = [] }) => externalRefs.map(({ referenceLocator }) => referenceLocator)),
  ],
])(
  'berth image sbom as %s has each package once, and is the same each time',
  async (format, urlsIn) => {
    const printed = await lab.berth('sbom', lab.name('debian:v1'), '--format', format)

    const packages = (await lab.berth('inspect', lab.name('debian:v1'), '--packages')).trim().split('\n').length
    const urls = urlsIn(JSON.parse(printed))?.filter((url) => url?.startsWith('pkg:deb/debian/'))
    expect(urls).toHaveLength(packages)
    expect(new Set(urls).size).toBe(packages)
    expect(await lab.berth('sbom', lab.name('debian:v1'), '--format', format)).toBe(printed)
  },
  TEST_MS,
)

/** An image whose first layer has these bytes, whatever they are. */
function withLayer(text: string): Image {
  const image = makeImage('broken')
  const bytes = Buffer.from(text)
  const layer = { mediaType: image.layers[0]?.mediaType ?? '', digest: sha256(bytes), bytes }
  const manifest = JSON.parse(new TextDecoder().decode(image.manifest.bytes))
  manifest.layers = [{ mediaType: layer.mediaType, digest: layer.digest, size: bytes.length }]
  const written = Buffer.from(JSON.stringify(manifest))
  return { ...image, layers: [layer], manifest: { ...image.manifest, digest: sha256(written), bytes: written } }
}

interface Sbom {
  readonly components?: readonly { readonly purl?: string }[]
  readonly packages?: readonly { readonly externalRefs?: readonly { readonly referenceLocator: string }[] }[]
}
