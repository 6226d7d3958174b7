import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, type Content, contentOf, fixedBytes, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const blob = contentOf('application/octet-stream', fixedBytes(1000))
const image = makeImage('collected', { layers: 2 })

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await start()
  await berth.scan()
  await passTime(berth, HOUR_MS)
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

async function start(collector = TEST_POLICY): Promise<BerthInProcess> {
  return await BerthInProcess.start(folder.join('data'), { collector })
}

async function pushImage(repository: string, { manifest, ...parts } = image, tag = 'latest'): Promise<void> {
  for (const part of blobsOf({ manifest, ...parts })) await berth.client.pushBlob(repository, part)
  await expectStatus(await berth.client.putManifest(repository, tag, manifest), 201)
}

function hasBytes({ digest }: Pick<Content, 'digest'>): boolean {
  const hex = digest.slice(7)
  return existsSync(folder.join('data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex))
}

async function status(repository: string, { digest }: Pick<Content, 'digest'>): Promise<number> {
  return (await berth.client.headBlob(repository, digest)).status
}

async function goes(path: string): Promise<void> {
  renameSync(path, `${path}-gone`)
}

describe('a blob that nothing names', () => {
  beforeEach(async () => {
    await berth.client.pushBlob('app', blob)
  })

  test('stays for a grace and a window, then its link and its bytes go', async () => {
    await passTime(berth, DAY_MS - MINUTE_MS)
    await collect(berth)
    await passTime(berth, MINUTE_MS)
    await collect(berth)
    expect(hasBytes(blob)).toBe(true)

    await passTime(berth, HOUR_MS - MINUTE_MS)
    await collect(berth)
    expect(hasBytes(blob)).toBe(true)
    await passTime(berth, MINUTE_MS)
    await collect(berth)

    expect(hasBytes(blob)).toBe(false)
    expect(await status('app', blob)).toBe(404)
    expect(berth.log.lines.map(({ message }) => message)).toContain('collected what nothing needs')
  })

  test.each([
    ['a HEAD', () => status('app', blob)],
    ['a GET', async () => (await berth.client.getBlob('app', blob.digest)).status],
    ['a mount from it', () => berth.client.mountBlob('other', blob.digest, 'app')],
  ])('is rescued by %s within the window, and stays for a grace and a window after it', async (_, send) => {
    await passTime(berth, DAY_MS)
    await collect(berth)
    await passTime(berth, HOUR_MS - MINUTE_MS)

    expect(await send()).toBeLessThan(300)
    await passTime(berth, DAY_MS - MINUTE_MS)
    await collect(berth)
    await passTime(berth, HOUR_MS)
    await collect(berth)

    expect(await status('app', blob)).toBe(200)
  })

  test('stays when it was asked for just before it fell due: the manifest can be pushed for a window', async () => {
    await passTime(berth, DAY_MS)
    expect(await status('app', blob)).toBe(200)
    await collect(berth)
    await passTime(berth, HOUR_MS - MINUTE_MS)
    await collect(berth)

    expect(await status('app', blob)).toBe(200)
  })

  test('stays in the repository whose manifest names it, and goes from the other', async () => {
    await pushImage('app')
    const [layer] = image.layers
    if (layer === undefined) throw new Error('the image has no layer')
    expect(await berth.client.mountBlob('other', layer.digest, 'app')).toBe(201)

    await collectAll(berth)

    expect(await status('other', layer)).toBe(404)
    expect(await status('app', layer)).toBe(200)
    expect(hasBytes(blob)).toBe(false)
  })

  test('goes after a restart as if there had been none', async () => {
    for (let round = 0; round < 3; round += 1) {
      await passTime(berth, DAY_MS / 3)
      await collect(berth)
      await berth.stop()
      berth = await start()
      await berth.scan()
    }
    await passTime(berth, HOUR_MS)
    await collect(berth)
    await passTime(berth, HOUR_MS)
    await collect(berth)

    expect(hasBytes(blob)).toBe(false)
  })
})

describe('an image', () => {
  test('stays whole for as long as it has a tag', async () => {
    await pushImage('app')

    await collectAll(berth)

    for (const part of blobsOf(image)) expect(await status('app', part)).toBe(200)
    expect((await berth.client.getManifest('app', 'latest')).status).toBe(200)
  })

  test('stays when its tag has moved on: a digest may be pinned', async () => {
    await pushImage('app')
    await pushImage('app', makeImage('next'))

    await collectAll(berth)

    expect((await berth.client.getManifest('app', image.manifest.digest)).status).toBe(200)
    for (const part of blobsOf(image)) expect(await status('app', part)).toBe(200)
  })

  test('that was deleted goes with all that only it named', async () => {
    await pushImage('app')
    await expectStatus(await berth.client.request('DELETE', `/v2/app/manifests/${image.manifest.digest}`), 202)

    await collectAll(berth)

    for (const part of [image.manifest, ...blobsOf(image)]) expect(hasBytes(part)).toBe(false)
  })

  test('of an index that was deleted stays for as long as a client asks for it within a grace', async () => {
    const index = makeImageIndex([image])
    await pushImage('app', image, image.manifest.digest)
    await expectStatus(await berth.client.putManifest('app', 'index', index.manifest), 201)
    await expectStatus(await berth.client.request('DELETE', `/v2/app/manifests/${index.manifest.digest}`), 202)
    for (let round = 0; round < 4; round += 1) {
      await passTime(berth, DAY_MS - HOUR_MS)
      await collect(berth)
      expect((await berth.client.getManifest('app', image.manifest.digest)).status).toBe(200)
    }

    await collectAll(berth)

    expect((await berth.client.getManifest('app', image.manifest.digest)).status).toBe(404)
  })

  test('of an index that was deleted goes with it, unless a tag or another index leads to it', async () => {
    const [alone, shared, tagged] = ['alone', 'shared', 'tagged'].map((name) => makeImage(name, { layers: 1 }))
    if (alone === undefined || shared === undefined || tagged === undefined) throw new Error('there is an image too few')
    const index = makeImageIndex([alone, shared, tagged])
    const other = makeImageIndex([shared])
    for (const child of index.images) await pushImage('app', child, child === tagged ? 'tagged' : child.manifest.digest)
    await expectStatus(await berth.client.putManifest('app', 'index', index.manifest), 201)
    await expectStatus(await berth.client.putManifest('app', 'other', other.manifest), 201)
    await expectStatus(await berth.client.request('DELETE', `/v2/app/manifests/${index.manifest.digest}`), 202)

    await collectAll(berth)

    expect((await berth.client.getManifest('app', alone.manifest.digest)).status).toBe(404)
    for (const part of blobsOf(alone)) expect(hasBytes(part)).toBe(false)
    for (const kept of [shared, tagged]) {
      expect((await berth.client.getManifest('app', kept.manifest.digest)).status).toBe(200)
      for (const part of blobsOf(kept)) expect(await status('app', part)).toBe(200)
    }
  })
})

describe('an operator', () => {
  test('is told once a day how many bytes only manifests without a tag hold, and what would free them', async () => {
    await pushImage('app', makeImage('first', { layers: 1 }))
    const [first] = [makeImage('first', { layers: 1 })]
    for (const name of ['second', 'third']) await pushImage('app', makeImage(name, { layers: 1 }))
    await collect(berth)
    await collect(berth)

    const told = berth.log.lines.filter(({ message }) => message === 'manifests without a tag hold bytes that nothing else needs')
    const second = makeImage('second', { layers: 1 })
    const bytes = [first, second].flatMap((each) => (each === undefined ? [] : [each.manifest, ...blobsOf(each)]))
    expect(told.map(({ fields }) => fields)).toEqual([
      {
        manifests: 2,
        bytes: bytes.reduce((sum, part) => sum + part.bytes.length, 0),
        frees: 'registry garbage-collect --delete-untagged',
      },
    ])
  })

  test('is told once why nothing is collected, and when it goes on', async () => {
    await berth.stop()
    berth = await start({ ...TEST_POLICY, isReadOnly: true })
    await collect(berth)
    await collect(berth)

    const told = berth.log.lines.filter(({ message }) => message === 'the collector takes nothing')
    expect(told.map(({ fields }) => fields?.reason)).toEqual(['readonly'])
  })

  test.each([
    ['before the storage has been read to its end', 'scan', async () => undefined],
    ['in the first hour of an epoch', 'epoch', async () => await berth.scan()],
  ])('%s nothing is collected', async (_, reason, prepare) => {
    await berth.client.pushBlob('app', blob)
    await passTime(berth, 3 * DAY_MS)
    await berth.stop()
    berth = await start()
    await prepare()

    await collect(berth)
    await passTime(berth, HOUR_MS - MINUTE_MS)
    await collect(berth)

    expect(hasBytes(blob)).toBe(true)
    const waits = berth.log.lines.filter(({ message }) => message === 'the collector waits')
    expect(waits.map(({ fields }) => fields?.reason)).toEqual([reason])
  })

  test('whose storage goes in the middle of a removal loses no more than that batch', async () => {
    await berth.stop()
    const store = folder.join('data/berth/v1/store')
    const hook = (call: string, phase: string) =>
      phase === 'after' && /^rename docker.*_layers/.test(call) && existsSync(store) ? goes(store) : undefined
    berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY, hook })
    await berth.scan()
    const blobs = Array.from({ length: 70 }, (_, index) => contentOf('', new TextEncoder().encode(`blob ${index}`)))
    for (const each of blobs) await berth.client.pushBlob('app', each)
    await passTime(berth, DAY_MS)
    await collect(berth)
    await passTime(berth, HOUR_MS)

    await collect(berth)
    await collect(berth)

    // How many names a removal takes at once depends on how quick its transactions are: 64 at most.
    expect(blobs.filter(hasBytes).length).toBeWithin(70 - 64, 70)
  })

  test('whose repositories are not mounted loses no bytes', async () => {
    await pushImage('app')
    await berth.stop()
    renameSync(folder.join('data/docker/registry/v2/repositories'), folder.join('unmounted'))
    mkdirSync(folder.join('data/docker/registry/v2/repositories'))
    berth = await start()
    await berth.scan()

    await collectAll(berth)

    for (const part of [image.manifest, ...blobsOf(image)]) expect(hasBytes(part)).toBe(true)
    expect(berth.log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields?.reason)).toContain('repositories')
  })
})
