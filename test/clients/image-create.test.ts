import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, symlink } from 'node:fs/promises'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage, makeImageIndex } from '../support/images.ts'
import { layoutEntries, madeTar } from '../support/made-tar.ts'
import { runToSuccess } from '../support/processes.ts'

const TEST_MS = 120_000

let lab: ImageLab
beforeAll(async () => {
  lab = await ImageLab.start()
}, TEST_MS)
afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

/** The digest behind the name that the command printed. */
function digestIn(printed: string): string {
  return /@(sha256:[0-9a-f]{64})\n$/.exec(printed)?.[1] ?? printed
}

/** What GNU tar says of a layer. */
async function listed(repository: string, layer: { readonly digest: string }): Promise<string> {
  const blob = await (await fetch(`${lab.registry.url}/v2/${repository}/blobs/${layer.digest}`)).bytes()
  const path = await lab.folder.file('listed.tar', blob)
  const environment = { ...lab.environment, TZ: 'UTC' }
  return await runToSuccess(['tar', '--numeric-owner', '--full-time', '-tvf', path], { environment })
}

describe('berth image create', () => {
  test(
    'puts files to their places with their modes, owners and links, in one order and with one time',
    async () => {
      for (const name of ['b', 'a', 'a-b/c', 'a-b/a']) await lab.folder.file(`tree/${name}`, `content of ${name}`)
      await lab.folder.file('tree/run', '#!/bin/sh\n')
      await chmod(lab.folder.join('tree/run'), 0o755)
      for (const name of ['a', 'b', 'a-b/a', 'a-b/c']) await chmod(lab.folder.join('tree', name), 0o644)
      for (const name of ['', 'a-b']) await chmod(lab.folder.join('tree', name), 0o750)
      await symlink('a-b/c', lab.folder.join('tree/link'))

      const tree = lab.folder.join('tree')
      await lab.berth('create', lab.name('tree:v1'), '--add', `${tree}:/srv/tree`, '--add', `${tree}/a:/etc/app/:1000.1001:0600`)

      const { layers } = await lab.json('tree', 'manifests/v1')
      expect((await listed('tree', layers[0])).split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
        'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 srv/',
        'drwxr-x--- 0/0 0 1970-01-01 00:00:00 srv/tree/',
        '-rw-r--r-- 0/0 12 1970-01-01 00:00:00 srv/tree/a',
        'drwxr-x--- 0/0 0 1970-01-01 00:00:00 srv/tree/a-b/',
        '-rw-r--r-- 0/0 16 1970-01-01 00:00:00 srv/tree/a-b/a',
        '-rw-r--r-- 0/0 16 1970-01-01 00:00:00 srv/tree/a-b/c',
        '-rw-r--r-- 0/0 12 1970-01-01 00:00:00 srv/tree/b',
        'lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 srv/tree/link -> a-b/c',
        '-rwxr-xr-x 0/0 10 1970-01-01 00:00:00 srv/tree/run',
        '',
      ])
      expect(await listed('tree', layers[1])).toMatch(
        /^drwxr-xr-x 0\/0 .* etc\/\ndrwxr-xr-x 0\/0 .* etc\/app\/\n-rw------- 1000\/1001 +12 1970-01-01 00:00:00 etc\/app\/a\n$/,
      )
    },
    TEST_MS,
  )

  test.each(['gzip', 'zstd'])(
    'twice with %s gives the same digest, also of copies of the files made later, and another one for other bytes',
    async (compression) => {
      for (const folder of ['first', 'later']) {
        for (const [name, size] of [
          ['z', 10],
          ['y', 300_000],
          ['x', 0],
        ] as const) {
          await lab.folder.file(`${folder}/${name}`, name.repeat(size))
          await chmod(lab.folder.join(folder, name), 0o644)
        }
        await chmod(lab.folder.join(folder), 0o755)
      }
      const create = async (folder: string, name: string) =>
        digestIn(
          await lab.berth('create', lab.name(name), '--add', `${lab.folder.join(folder)}:/srv`, '--compression', compression),
        )

      const first = await create('first', `same-${compression}:v1`)
      const later = await create('later', `same-${compression}:v2`)
      await lab.folder.file('later/z', 'other')
      const other = await create('later', `same-${compression}:v3`)

      expect(later).toBe(first)
      expect(other).not.toBe(first)
      const { layers } = await lab.json(`same-${compression}`, 'manifests/v1')
      expect(layers[0].mediaType).toBe(`application/vnd.oci.image.layer.v1.tar+${compression}`)
    },
    TEST_MS,
  )

  test(
    'dates everything with SOURCE_DATE_EPOCH, and refuses one that is no time',
    async () => {
      const file = await lab.folder.file('dated', 'x')
      const words = ['create', lab.name('dated:v1'), '--add', `${file}:/dated`]

      const good = await lab.tryBerth(words, { environment: { ...lab.environment, SOURCE_DATE_EPOCH: '1700000000' } })
      const bad = await lab.tryBerth(words, { environment: { ...lab.environment, SOURCE_DATE_EPOCH: 'today' } })

      const { config, layers } = await lab.json('dated', 'manifests/v1')
      expect([good.exitCode, await listed('dated', layers[0])]).toEqual([0, expect.stringContaining('2023-11-14 22:13:20 dated')])
      expect((await lab.json('dated', `blobs/${config.digest}`)).created).toBe('2023-11-14T22:13:20Z')
      expect(bad).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^berth: SOURCE_DATE_EPOCH is today; it is a number of seconds/),
      })
    },
    TEST_MS,
  )

  test(
    "keeps what the base's config says, changes what it is told to, and mounts the base's layers",
    async () => {
      const image = makeImage('base', { layers: 3 })
      await lab.berth('load', await lab.folder.file('base.tar', madeTar(layoutEntries(image))), lab.name('team/base:v1'))
      const file = await lab.folder.file('added', 'x')
      const settings = [
        '--env',
        'A=1',
        '--env',
        'B=a=b',
        '--label',
        'team=blue',
        '--port',
        '8080',
        '--port',
        '53/udp',
        '--user',
        '1000:1000',
      ]
      const run = ['--entrypoint', '["/app", "--serve"]', '--cmd', 'now', '--workdir', '/srv']

      const { stderr } = await lab.tryBerth([
        'create',
        lab.name('app:v1'),
        '--base',
        lab.name('team/base:v1'),
        '--add',
        `${file}:/added`,
        ...settings,
        ...run,
      ])

      expect(stderr.match(/ mounted$/gm)).toHaveLength(3)
      expect(stderr.match(/ sent$/gm)).toHaveLength(2)
      const manifest = await lab.json('app', 'manifests/v1')
      expect(manifest.layers.slice(0, 3).map(({ digest }: { digest: string }) => digest)).toEqual(
        image.layers.map(({ digest }) => digest),
      )
      expect(manifest.annotations).toEqual({
        'org.opencontainers.image.base.digest': image.manifest.digest,
        'org.opencontainers.image.base.name': lab.name('team/base:v1'),
      })
      const config = await lab.json('app', `blobs/${manifest.config.digest}`)
      expect(config.config).toEqual({
        ...{ Labels: { name: 'base', team: 'blue' }, Env: ['A=1', 'B=a=b'], Entrypoint: ['/app', '--serve'], Cmd: ['now'] },
        ...{ User: '1000:1000', WorkingDir: '/srv', ExposedPorts: { '53/udp': {}, '8080/tcp': {} } },
      })
      expect([config.rootfs.diff_ids, config.history].map(({ length }: readonly unknown[]) => length)).toEqual([4, 4])
    },
    TEST_MS,
  )

  test(
    'makes an image index of several platforms, each from its base and its own program',
    async () => {
      const bases = ['amd64', 'arm64'].map((architecture) => makeImage(`base of ${architecture}`, { architecture }))
      const list = makeImageIndex(bases)
      const root = { mediaType: list.manifest.mediaType, digest: list.manifest.digest, size: list.manifest.bytes.length }
      const entries = [
        { path: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' },
        { path: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, manifests: [root] }) },
        { path: `blobs/sha256/${list.manifest.digest.slice(7)}`, bytes: list.manifest.bytes },
        ...bases.flatMap((image) => layoutEntries(image).slice(1, -1)),
      ]
      await lab.berth('load', await lab.folder.file('bases.tar', madeTar(entries)), lab.name('bases:v1'))
      for (const architecture of ['amd64', 'arm64'])
        await lab.folder.file(`out/${architecture}/app`, `program for ${architecture}`)

      const platforms = ['--platform', 'linux/amd64', '--platform', 'linux/arm64']
      const add = ['--add', `${lab.folder.join('out')}/{architecture}/app:/usr/local/bin/app`]
      await lab.berth('create', lab.name('both:v1'), '--base', lab.name('bases:v1'), ...platforms, ...add)

      const index = await lab.json('both', 'manifests/v1')
      expect(index.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ])
      const images = await Promise.all(
        index.manifests.map(async ({ digest }: { digest: string }) => await lab.json('both', `manifests/${digest}`)),
      )
      expect(images.map(({ layers }) => layers[0].digest)).toEqual(bases.map(({ layers }) => layers[0]?.digest))
      expect(new Set(images.map(({ layers }) => layers.at(-1).digest)).size).toBe(2)
      const wrong = await lab.tryBerth([
        'create',
        lab.name('both:v2'),
        '--base',
        lab.name('bases:v1'),
        '--platform',
        'linux/riscv64',
      ])
      expect(wrong.stderr).toContain('there is no image for linux/riscv64 in it; there is linux/amd64, linux/arm64')
    },
    TEST_MS,
  )

  test.each([
    ['a file that is not there', ['--add', '/nonexistent:/a'], /\/nonexistent is not there/],
    ['a place that is not absolute', ['--add', '/etc/hostname:a'], /a in .* is no place in an image/],
    ['a place that leads up', ['--add', '/etc/hostname:/a/../../b'], /is no place in an image/],
    ['an owner by name', ['--add', '/etc/hostname:/a:nobody'], /nobody in .* is no owner; give numbers/],
    ['a mode of letters', ['--add', '/etc/hostname:/a::u+x'], /u\+x in .* is no mode/],
    ['a device', ['--add', '/dev/null:/null'], /is no file, folder or link/],
    ['a variable without a value', ['--env', 'A'], /--env A has no value/],
    ['an entry point that is no JSON', ['--entrypoint', '["a"'], /is not JSON/],
    ['a port that is none', ['--port', '70000'], /is no port/],
    ['a platform that is none', ['--platform', 'amd64'], /is no platform/],
    ['a base that is not there', ['--base', 'NAME/nothing:v1'], /has no tag v1/],
    ['a compression that there is not', ['--compression', 'lz4'], /Allowed choices are gzip, zstd/],
  ])('refuses %s, and pushes no tag', async (_, words, says) => {
    const there = words.map((word) => word.replace('NAME', lab.registry.address))

    const { exitCode, stderr } = await lab.tryBerth(['create', lab.name('refused:v1'), ...there])

    expect(stderr).toMatch(says)
    expect([exitCode, await lab.digestOf('refused', 'v1')]).toEqual([1, undefined])
  })
})
