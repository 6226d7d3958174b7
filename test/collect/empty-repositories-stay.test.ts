import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ownWork } from '../../src/observe/actor.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collectAll, forgetGone, HOUR_MS, passTime, purgeGone } from '../support/collecting.ts'
import {
  catalogOf,
  EMPTY_INDEX,
  EmptiedRepository,
  expectWhole,
  IMAGE,
  NAME,
  OTHER,
  pushImage,
} from '../support/emptied-repository.ts'
import { blobsOf } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'

/** What keeps a repository from going, and what is left when it has gone. */

let lab: EmptiedRepository

describe('a repository stays', () => {
  beforeEach(async () => {
    lab = await EmptiedRepository.start(1)
  })
  afterEach(async () => {
    await lab[Symbol.asyncDispose]()
  })

  async function expectStays(): Promise<void> {
    await lab.collect()
    expect(lab.missingDirectories()).toEqual([])
    expect(await lab.row()).toMatchObject({ state: '' })
    expect(lab.pair.collecting.log.lines.map(({ message }) => message)).not.toContain('an empty repository cannot be removed')
  }

  test('while an upload to it is open', async () => {
    const location = await lab.client.startUpload(NAME)
    await expectStays()

    await expectStatus(await lab.client.request('DELETE', location), 204)
    await lab.collect()

    expect(lab.isThere('team')).toBe(false)
  })

  test('while something remembers what has gone from it, and while a move of its tags waits for the history', async () => {
    await pushImage(lab.client, NAME)
    await lab.client.deleteManifest(NAME, IMAGE.manifest.digest)
    for (const { digest } of blobsOf(IMAGE)) await lab.client.deleteBlob(NAME, digest)
    await expectStays()
    await purgeGone(lab.pair.collecting)
    await expectStays()

    await forgetGone(lab.pair.collecting)
    await lab.collect()

    expect(lab.isThere('team')).toBe(false)
  })

  test.each([
    '_uploads/8b5bd8b7-6d1e-4b5c-a3a2-6a9f0b6f4a55/data',
    '_layers/sha256/aa',
    '_manifests/tags/v2/index/sha256/aa/link',
  ])('while %s is in it, which no row tells of', async (file) => {
    mkdirSync(dirname(lab.path(`${NAME}/${file}`)), { recursive: true })
    writeFileSync(lab.path(`${NAME}/${file}`), 'of another program')

    await expectStays()
  })

  test('while a directory in it is unknown', async () => {
    mkdirSync(lab.path(`${NAME}/_unknown/deeper`), { recursive: true })
    await lab.pair.kill(lab.pair.collecting)
    await lab.pair.collecting.scan()
    await passTime(lab.pair.collecting, HOUR_MS)

    await expectStays()
  })

  test('at its name when it is the last one, so that the storage is not taken for one that is not mounted', async () => {
    const { client } = lab.pair.serving
    await client.deleteManifest('stays', OTHER.manifest.digest)
    await collectAll(lab.pair.collecting)
    await forgetGone(lab.pair.collecting)
    await lab.collect()
    await collectAll(lab.pair.collecting, 1)

    expect(readdirSync(lab.path(''))).toHaveLength(1)
    expect(readdirSync(lab.path(''), { recursive: true })).toHaveLength(1)
    expect(lab.pair.collecting.log.lines.map(({ message }) => message)).not.toContain('the collector takes nothing')
    const blobs = readdirSync(lab.pair.folder.join('data/docker/registry/v2/blobs'), { recursive: true, withFileTypes: true })
    expect(blobs.filter((entry) => entry.isFile())).toEqual([])
    await pushImage(client, NAME)
    await expectWhole(client)
  })

  test('and its deleted image can be brought back when the repository has gone', async () => {
    await lab.client.putManifest(NAME, 'v1', EMPTY_INDEX)
    await lab.client.deleteManifest(NAME, EMPTY_INDEX.digest)
    await forgetGone(lab.pair.collecting)
    await lab.collect()
    expect(lab.isThere('team')).toBe(false)

    const restore = { digest: EMPTY_INDEX.digest as Digest, tags: [parseTag('v1')], how: 'undelete', actor: ownWork('test') }
    await lab.pair.serving.registry.restoration.restore(parseRepositoryName(NAME), restore, { needsTag: true })

    expect((await lab.client.getManifest(NAME, 'v1')).status).toBe(200)
    expect(lab.missingDirectories()).toEqual([])
  })
})

describeWith({ programs: [PEER_PROGRAM] }, 'registry:2 after an empty repository has gone', () => {
  test('lists no such repository, takes a push to it, and Berth serves that', async () => {
    await using served = await EmptiedRepository.start(1)
    await served.collect()
    const { folder, collecting } = served.pair
    await collecting.stop()
    const dataDirectory = folder.join('data')

    await using peer = await startPeer({ folder, dataDirectory })
    const client = new RegistryClient(peer.url)
    expect(await catalogOf(client)).toEqual({ repositories: ['stays'] })
    await pushImage(client, NAME)
    expect(await catalogOf(client)).toEqual({ repositories: ['stays', NAME] })
    await peer[Symbol.asyncDispose]()

    await using berth = await BerthInProcess.start(dataDirectory)
    await berth.scan()
    expect(await catalogOf(berth.client)).toEqual({ repositories: ['stays', NAME] })
    await expectWhole(berth.client)
  })
})
