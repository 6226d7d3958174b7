import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { ListingStore } from '../../../test/support/listing-store.ts'
import { makeOpaqueStorage, type OpaqueStorage, placeOpaqueStorage, type Story } from '../../../test/support/opaque-storages.ts'
import { RestartableRegistry } from '../../../test/support/restartable-registry.ts'
import { advanceClock, readClock } from '../../metadata/collecting/clock.ts'
import { isOpaque, listLinkSlice } from '../../metadata/collecting/links.ts'
import { listObstacles } from '../../metadata/collecting/obstacles.ts'
import { listRepositoriesToCollect } from '../../metadata/collecting/survey.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { DEFAULT_POLICY } from '../collect/policy.ts'

/** How much longer than what was pushed that is left alone which a scan found. */
const UNKNOWN_FOR_MS = DEFAULT_POLICY.foundMs - DEFAULT_POLICY.graceMs

interface ManifestState {
  readonly held: number
  readonly linked: number
  readonly opaque: number
  readonly touchedMs: number
}

/** A storage that other registries filled, of which a scan has just seen all. */
class ScannedRegistry implements AsyncDisposable {
  readonly opaque: OpaqueStorage = makeOpaqueStorage()
  readonly berth: RestartableRegistry

  private constructor(berth: RestartableRegistry) {
    this.berth = berth
  }

  static async start(storage: 'filesystem' | ListingStore): Promise<ScannedRegistry> {
    const scanned = new ScannedRegistry(await RestartableRegistry.start({ storage }, { database: 'kept', maintenance: 'off' }))
    await placeOpaqueStorage(scanned.berth.storage, scanned.opaque)
    await scanned.scan()
    return scanned
  }

  async scan(): Promise<void> {
    await this.berth.registry.backgroundScan.run(new AbortController().signal)
  }

  async nowMs(): Promise<number> {
    return (await readClock(this.berth.metadata.read)).nowMs
  }

  async pass(ms: number): Promise<void> {
    await this.berth.metadata.write((query) => advanceClock(query, ms, Date.now()))
  }

  repository(story: Story): OpaqueStorage['repositories'][number] {
    const found = this.opaque.repositories.find((repository) => repository.story === story)
    if (found === undefined) throw new Error(`no repository has the story ${story}`)
    return found
  }

  async manifest(story: Story): Promise<ManifestState | undefined> {
    const { name, manifest } = this.repository(story)
    return await this.berth.metadata.read.get<ManifestState>(
      `SELECT held, linked, opaque, touched_ms AS touchedMs FROM manifest
       WHERE digest = ? AND repository_id = (SELECT id FROM repository WHERE name = ?)`,
      manifest,
      name,
    )
  }

  async named(story: Story): Promise<readonly Digest[]> {
    const { name, manifest } = this.repository(story)
    const rows = await this.berth.metadata.read.all<{ target: Digest }>(
      'SELECT target FROM reference WHERE manifest = ? AND repository_id = (SELECT id FROM repository WHERE name = ?) ORDER BY 1',
      manifest,
      name,
    )
    return rows.map(({ target }) => target)
  }

  /** By what each row is of. */
  async touched(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.berth.metadata.read.all<{ of: string; touchedMs: number }>(
      `SELECT 'blob ' || digest AS of, touched_ms AS touchedMs FROM blob
       UNION ALL SELECT 'link ' || repository_id || digest, touched_ms FROM link WHERE target IS NOT NULL
       UNION ALL SELECT 'manifest ' || repository_id || digest, touched_ms FROM manifest WHERE linked = 1`,
    )
    return Object.fromEntries(rows.map(({ of, touchedMs }) => [of, touchedMs]))
  }

  /** Links that the collector may take one day. */
  async unneededLinks(): Promise<readonly Digest[]> {
    const { read } = this.berth.metadata
    const obstacles = await listObstacles(read, EPOCH)
    const unneeded: Digest[] = []
    for (const { id, name } of await listRepositoriesToCollect(read, 0, 100)) {
      if ((await isOpaque(read, id)) || obstacles.some(({ repository }) => repository === name)) continue
      const links = await listLinkSlice(read, id, '')
      unneeded.push(...links.filter(({ unneededSinceMs }) => unneededSinceMs !== null).map(({ digest }) => digest))
    }
    return unneeded.sort()
  }

  /** Bytes that nothing keeps when these links have gone. */
  async unneededBytes(links: readonly Digest[]): Promise<readonly Digest[]> {
    const rows = await this.berth.metadata.read.all<{ digest: Digest }>(
      `SELECT b.digest AS digest FROM blob b
       WHERE NOT EXISTS (SELECT 1 FROM link l WHERE l.target = b.digest AND l.digest NOT IN (SELECT value FROM json_each(?)))
         AND NOT EXISTS (SELECT 1 FROM reference f WHERE f.target = b.digest)
         AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = b.digest AND m.linked = 1)`,
      JSON.stringify(links),
    )
    return rows.map(({ digest }) => digest)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.berth[Symbol.asyncDispose]()
  }
}

const EPOCH = 1
const SERVED = { held: 1, linked: 1, opaque: 0 }
const UNSERVED = { held: 0, linked: 1, opaque: 0 }

const MANIFESTS = [
  ['schema1', UNSERVED],
  ['artifact', UNSERVED],
  ['cut', UNSERVED],
  ['tagged', UNSERVED],
  ['rot', { ...UNSERVED, opaque: 1 }],
  ['alias', SERVED],
  ['app', SERVED],
] as const

describe.each([
  ['directories', () => 'filesystem' as const],
  ['lists', () => new ListingStore()],
])('after a complete scan of %s', (_, storage) => {
  let scanned: ScannedRegistry

  beforeEach(async () => {
    scanned = await ScannedRegistry.start(storage())
  })
  afterEach(async () => {
    await scanned[Symbol.asyncDispose]()
  })

  test('whatever may be needed is present, and only what nothing names is not needed', async () => {
    expect(await scanned.berth.registry.backgroundScan.isComplete()).toBe(true)
    expect(await scanned.unneededLinks()).toEqual([scanned.opaque.garbage.digest])
    const unneeded = await scanned.unneededBytes([scanned.opaque.garbage.digest])
    // Obstacles keep the bytes that are left: a collector that passed over these repositories would take them.
    const belowObstacles = scanned.repository('Team/App').blobs
    expect([...unneeded].sort()).toEqual([scanned.opaque.garbage.digest, ...belowObstacles].sort())
    expect(await listObstacles(scanned.berth.metadata.read, EPOCH)).toEqual([
      { path: `${layout.blobs}/sha384`, repository: null },
      { path: `${layout.repositories}/Team`, repository: null },
      { path: `${layout.repositories}/sha384/_manifests/revisions/sha384`, repository: parseRepositoryName('sha384') },
    ])
  })

  test('what cannot be served counts as present, with all that it names', async () => {
    for (const [story, state] of MANIFESTS) {
      expect([story, await scanned.manifest(story)]).toEqual([story, expect.objectContaining(state)])
      expect([story, await scanned.named(story)]).toEqual([story, [...scanned.repository(story).named].sort()])
    }
  })

  test('what had no row is left alone for longer than what is pushed', async () => {
    const foundAtMs = (await scanned.nowMs()) + UNKNOWN_FOR_MS
    expect(new Set(Object.values(await scanned.touched()))).toEqual(new Set([foundAtMs]))

    await scanned.pass(1_000)
    const before = await scanned.touched()
    await push(scanned, 'app', 'pushed')
    const after = await scanned.touched()

    const changed = Object.keys(after).filter((of) => after[of] !== before[of])
    // The link and the bytes of a layer.
    expect(changed).toHaveLength(2)
    for (const of of changed) expect(after[of]).toBe(await scanned.nowMs())
  })

  test('a restart renews nothing', async () => {
    await push(scanned, 'app', 'pushed')
    await scanned.pass(1_000)
    const before = await scanned.touched()

    await scanned.berth.restart({ database: 'kept', maintenance: 'off' })
    await scanned.scan()

    expect(await scanned.berth.registry.backgroundScan.isComplete()).toBe(true)
    expect(await scanned.touched()).toEqual(before)
  })

  test('a push of a damaged manifest mends it, and its repository is opaque no more', async () => {
    const { name, manifest } = scanned.repository('rot')
    const damaged = scanned.opaque.files.get(layout.blob(parseDigest(manifest))) ?? ''
    const type = 'application/vnd.docker.distribution.manifest.v2+json'

    const answer = await scanned.berth.request('PUT', `/v2/${name}/manifests/v1`, {
      headers: { 'Content-Type': type },
      body: damaged.replace('schemaVersioo', 'schemaVersion'),
    })

    expect(answer.status).toBe(201)
    expect(answer.headers.get('docker-content-digest')).toBe(manifest)
    expect(await scanned.manifest('rot')).toMatchObject(SERVED)
    expect(await scanned.named('rot')).toHaveLength(2)
    expect(await scanned.unneededLinks()).toEqual([scanned.opaque.garbage.digest])
  })

  test('a delete of a manifest releases what it named, with the full grace from then on', async () => {
    const { name, manifest, named } = scanned.repository('app')
    await scanned.pass(UNKNOWN_FOR_MS + 1_000)

    expect((await scanned.berth.request('DELETE', `/v2/${name}/manifests/${manifest}`)).status).toBe(202)

    expect(await scanned.manifest('app')).toMatchObject({ held: 0, linked: 0, opaque: 0 })
    expect(await scanned.named('app')).toEqual([])
    expect(await scanned.unneededLinks()).toEqual([...named, scanned.opaque.garbage.digest].sort())
    const now = await scanned.nowMs()
    const touched = await scanned.touched()
    for (const digest of named) {
      const times = Object.entries(touched).filter(([of]) => of.endsWith(digest))
      expect(times.map(([, ms]) => ms)).toEqual([now, now])
    }
  })

  test('a manifest that loses its bytes keeps all that it named, until its link goes as well', async () => {
    const { name, manifest, named } = scanned.repository('app')
    const digest = parseDigest(manifest)
    await scanned.berth.storage.remove(layout.blobDirectory(digest))
    await scanAnew(scanned)
    expect(await scanned.manifest('app')).toMatchObject({ held: 0, linked: 1, opaque: 1 })
    expect(await scanned.named('app')).toEqual([...named].sort())
    // All of its repository stays: the garbage lies there.
    expect(await scanned.unneededLinks()).not.toContain(scanned.opaque.garbage.digest)

    await scanned.berth.storage.remove(storagePath(layout.revision(parseRepositoryName(name), digest)))
    await scanAnew(scanned)
    expect(await scanned.manifest('app')).toMatchObject({ held: 0, linked: 0, opaque: 0 })
    expect(await scanned.named('app')).toEqual([])
  })
})

/** Another registry may have changed the storage while this one did not run. */
async function scanAnew(scanned: ScannedRegistry): Promise<void> {
  await scanned.berth.restart({ database: 'kept', maintenance: 'off' })
  await scanned.scan()
}

async function push(scanned: ScannedRegistry, repository: string, text: string): Promise<void> {
  const digest = `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
  const answer = await scanned.berth.request('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': String(text.length) },
    body: text,
  })
  expect(answer.status).toBe(201)
}
