import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { BerthInProcess, type InProcessOptions } from '../../../test/support/berth-in-process.ts'
import { contentOf, type Image } from '../../../test/support/images.ts'
import { debianLayer, dpkgStatus, imageOf, programEntry } from '../../../test/support/inside-image.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { deleteBlobs } from '../../metadata/changes.ts'
import { findImageInside, findImagePackages, readNext, setNothingInside } from '../../metadata/inside/images.ts'
import { purgeTombstones } from '../../metadata/scans.ts'
import type { Digest } from '../../oci/digest.ts'
import { InsideDuty } from './inside-duty.ts'
import { parseFacts, unpackPackages } from './inside-facts.ts'

setDefaultTimeout(120_000)

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function start(options: InProcessOptions = {}): Promise<void> {
  berth = await BerthInProcess.start(folder.join('data'), options)
}

async function startAnew(options: InProcessOptions = {}): Promise<void> {
  await berth.stop()
  loseDatabase(folder.join('data'))
  await start(options)
}

async function push(image: Image, repository = 'app'): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await berth.client.pushBlob(repository, blob)
  await expectStatus(await berth.client.putManifest(repository, 'latest', image.manifest), 201)
}

async function readInBackground(signal = new AbortController().signal): Promise<void> {
  await berth.registry.insideDuty.run(signal)
}

function digestOf({ digest }: { readonly digest: string }): Digest {
  return digest as Digest
}

async function insideOf({ manifest }: Image) {
  const { read } = berth.opened.metadata
  const row = await findImageInside(read, digestOf(manifest))
  const packed = await findImagePackages(read, digestOf(manifest))
  return {
    state: row?.state,
    ...(row?.facts ? parseFacts(row.facts) : {}),
    names: packed === undefined ? [] : unpackPackages(packed).map(({ name, version }) => `${name} ${version}`),
  }
}

async function countRows(): Promise<Readonly<Record<string, number>>> {
  const tables = ['layer_inside', 'layer_piece', 'package', 'image_package', 'inside_gone']
  const counts = tables.map(async (table) => {
    const row = await berth.opened.metadata.read.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)
    return [table, row?.count ?? 0] as const
  })
  return Object.fromEntries(await Promise.all(counts))
}

const NO_ROWS = { layer_inside: 0, layer_piece: 0, package: 0, image_package: 0, inside_gone: 0 }

function pathOf({ digest }: { readonly digest: string } = { digest: '' }): string {
  const hex = digest.slice('sha256:'.length)
  return `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
}

function blobFile(content: { readonly digest: string }): string {
  return folder.join('data', pathOf(content))
}

const base = debianLayer('openssl 3.0.11-1', 'bash 5.2')
const app = imageOf([base, [programEntry('srv/app'), { path: 'opt/run', kind: 'symbolic link', target: '../srv' }]], {
  Entrypoint: ['app'],
  Env: ['PATH=/nowhere:/opt/run'],
})
const other = imageOf([base, [{ path: 'var/lib/dpkg/status', bytes: dpkgStatus('bash 5.3') }]])

describe('the layers of a pushed image', () => {
  test('tell its distribution, its packages and its program, found by the PATH of the image', async () => {
    await push(app)
    expect(await insideOf(app)).toMatchObject({ state: 'unread' })

    await readInBackground()

    expect(await insideOf(app)).toMatchObject({
      state: 'read',
      distribution: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
      program: { path: 'srv/app', kind: 'ELF', isStatic: false, libraries: expect.arrayContaining(['libc.so.6']) },
      packages: { deb: 2 },
      names: ['bash 5.2', 'openssl 3.0.11-1'],
      problems: [],
    })
  })

  test('are read once for all images that have them', async () => {
    let looks = 0
    const path = pathOf(app.layers[0])
    await startAnew({ hook: (call, phase) => void (call === `stat ${path}` && phase === 'before' && ++looks) })
    await push(app)
    await push(other, 'other')
    looks = 0

    await readInBackground()

    expect((await insideOf(other)).names).toEqual(['bash 5.3'])
    expect(looks).toBe(1)
  })

  test('that are no archives end their own reading alone, with a sentence that is kept', async () => {
    const damaged = imageOf([base, Buffer.from('no archive'.repeat(100)), [{ path: 'etc/motd', bytes: 'hello' }]])
    await push(damaged)
    await push(app, 'other')

    await readInBackground()

    expect(await insideOf(damaged)).toMatchObject({ state: 'read', packages: { deb: 2 } })
    const rows = await berth.opened.metadata.read.all<{ problems: string }>('SELECT problems FROM layer_inside')
    expect(rows.flatMap(({ problems }) => JSON.parse(problems) as string[])).toEqual([
      `the layer ${damaged.layers[1]?.digest} is no tar archive, or was cut`,
    ])
    expect(await insideOf(app)).toMatchObject({ state: 'read' })
  })

  test('are waited for where one has not come, and read once it is there', async () => {
    await push(app)
    const [, layer = { digest: '' }] = app.layers
    const bytes = await Bun.file(blobFile(layer)).bytes()
    rmSync(blobFile(layer))
    await startAnew()
    await berth.scan()

    await readInBackground()
    expect(await insideOf(app)).toMatchObject({ state: 'waiting' })
    writeFileSync(blobFile(layer), bytes)
    await berth.client.pushBlob('app', app.layers[1] as Image['config'])
    await readInBackground()

    expect(await insideOf(app)).toMatchObject({ state: 'read', program: { kind: 'ELF' } })
  })

  test.each([
    ['for what is in it', 1],
    ['for the program of the image', 2],
  ])('are waited for, too, where one is removed when it has just been found %s, without a failure', async (_, finding) => {
    const [, layer = { digest: '' }] = app.layers
    const path = pathOf(layer)
    let found = Number.NaN
    await startAnew({
      hook: (call, phase) =>
        void (call === `stat ${path}` && phase === 'after' && ++found === finding && rmSync(blobFile(layer))),
    })
    await push(app)
    found = 0

    await readInBackground()

    // One more look tells a layer that has gone from one that cannot be read.
    expect(found).toBe(finding + 1)
    expect(await insideOf(app)).toMatchObject({ state: 'waiting' })
  })

  test('that cannot be read now leave the others to be read, and are read by a later run', async () => {
    let isBroken = false
    const path = pathOf(app.layers[1])
    await startAnew({
      hook: (call) => (isBroken && call === `stat ${path}` ? Promise.reject(new Error('EIO')) : undefined),
    })
    await push(app)
    await push(other, 'other')
    isBroken = true

    await expect(readInBackground()).rejects.toThrow('EIO')
    expect([(await insideOf(app)).state, (await insideOf(other)).state]).toEqual(['unread', 'read'])
    // The same process leaves it alone for a while.
    await readInBackground()
    isBroken = false
    await berth.stop()
    await start()
    await readInBackground()

    expect(await insideOf(app)).toMatchObject({ state: 'read' })
  })

  test('leave nothing of a reading that was cut', async () => {
    const stopping = new AbortController()
    await startAnew({
      metadata: (metadata) => ({
        ...metadata,
        read: metadata.read,
        revision: () => metadata.revision(),
        write: async (operation) => {
          const result = await metadata.write(operation)
          const pieces = await metadata.read.get('SELECT 1 FROM layer_piece')
          if (pieces !== undefined) stopping.abort(new Error('stopped'))
          return result
        },
      }),
    })
    const files = Array.from({ length: 4_000 }, (_, number) => ({ path: `folder/file-${number}`, bytes: 'x'.repeat(600) }))
    await push(imageOf([files]))

    await readInBackground(stopping.signal)
    expect(await countRows()).toMatchObject({ layer_inside: 0, inside_gone: 1, layer_piece: expect.any(Number) })
    await readInBackground()

    expect(await countRows()).toMatchObject({ layer_inside: 1, inside_gone: 0 })
    const kept = await berth.opened.metadata.read.all('SELECT DISTINCT layer_id FROM layer_piece')
    expect(kept.length).toBe(1)
  })
})

test('what was there before a new database tells the same after a scan', async () => {
  await push(app)
  await push(other, 'other')
  await readInBackground()
  const before = [await insideOf(app), await insideOf(other)]

  await startAnew()
  await berth.scan()
  await readInBackground()

  expect([await insideOf(app), await insideOf(other)]).toEqual(before)
})

test('all of it goes with the layers and the manifest', async () => {
  await push(app)
  await readInBackground()
  const { metadata, epoch } = berth.opened
  expect(await countRows()).toMatchObject({ layer_inside: 2, package: 2, image_package: 2 })

  await expectStatus(await berth.client.deleteManifest('app', app.manifest.digest), 202)
  await metadata.write((query) => purgeTombstones(query, epoch, Number.MAX_SAFE_INTEGER))
  await metadata.write((query) => deleteBlobs(query, app.layers.map(digestOf)))
  await readInBackground()

  expect(await insideOf(app)).toMatchObject({ state: undefined })
  expect(await countRows()).toEqual(NO_ROWS)
})

test('what is no image that runs tells nothing', async () => {
  const chart = imageOf([])
  const manifest = JSON.parse(new TextDecoder().decode(chart.manifest.bytes))
  manifest.config.mediaType = 'application/vnd.cncf.helm.config.v1+json'
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  const image = { ...chart, manifest: contentOf(chart.manifest.mediaType, bytes) }
  await push(image)

  await readInBackground()

  expect(await insideOf(image)).toMatchObject({ state: 'nothing' })
})

test('an image that a caller asks for is read at once, all others when a start and its first pushes are over, the newest first', async () => {
  await push(app)
  await push(other, 'other')
  const { metadata } = berth.opened
  const read: string[] = []
  let nowMs = 0
  const images = {
    read: async (digest: Digest) => {
      read.push(digest)
      await metadata.write((query) => setNothingInside(query, digest))
    },
  }
  const duty = new InsideDuty({ metadata, images, nowMs: () => nowMs })
  const { signal } = new AbortController()
  const third = imageOf([base])

  nowMs = 9_999
  await duty.look(signal)
  expect(read).toEqual([])
  await metadata.write((query) => readNext(query, [digestOf(app.manifest)], 'unread'))
  await push(third, 'third')
  await duty.look(signal)
  expect(read).toEqual([app.manifest.digest])
  nowMs = 10_000
  await duty.look(signal)
  expect(read).toEqual([app.manifest.digest, third.manifest.digest, other.manifest.digest])
  await push(imageOf([[]]), 'fourth')
  nowMs = 19_999
  await duty.look(signal)
  expect(read).toHaveLength(3)
})
