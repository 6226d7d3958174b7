import { expect, test } from 'bun:test'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { checkpoint } from '../../src/metadata/sqlite/checkpoint.ts'
import { LogIndex } from '../../src/metadata/sqlite/log-space.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
/** What deletes of so many tags write fits into the log: 41 KB each. */
const TAGS_AT_ONCE = 150
const TAGS = TAGS_AT_ONCE + 50
const LOG_BYTES = 8 * 1024 * 1024

describeWith(
  { programs: ['mount', 'umount', 'dd'], root: true },
  'a disk that another program fills while Berth serves it',
  () => {
    test.each([
      ['one process', 1],
      ['two processes', 2],
    ])(
      'takes every delete, gives pulls, refuses pushes clearly, and takes them again when there is room (%s)',
      async (_, processes) => {
        using folder = new TemporaryFolder()
        await using disk = await MountedFileSystem.mount(folder, 'size=64m')
        await using berth = await startBerth({
          folder,
          dataDirectory: disk.path,
          processes,
          expectsFaults: true,
        })
        const client = new RegistryClient(berth.url)
        const [kept, gone] = [makeImage('kept'), makeImage('gone')]
        for (const blob of [kept.config, ...kept.layers, gone.config, ...gone.layers]) await client.pushBlob('app', blob)
        await expectStatus(await client.putManifest('app', 'kept', kept.manifest), 201)
        for (let tag = 0; tag < TAGS; tag += 1) await expectStatus(await client.putManifest('app', `t${tag}`, gone.manifest), 201)
        await poll('the log has its space', 90_000, async () => {
          return (await stat(join(disk.path, 'berth/metadata.db-wal'))).size >= LOG_BYTES || undefined
        })

        const database = join(disk.path, 'berth/metadata.db')
        const log = new LogIndex(database)
        await poll('the log was folded in', 90_000, async () => log.bytesToFold() < LOG_BYTES / 2 || undefined)
        // What is still in it would take its share of the log.
        checkpoint(database)
        await disk.fill()
        expect((await statfs(disk.path)).bavail).toBe(0)

        const deleteTag = async (tag: number) => await expectStatus(await client.deleteManifest('app', `t${tag}`), 202)
        for (let tag = 0; tag < TAGS_AT_ONCE; tag += 1) await deleteTag(tag)
        // They wrote more than that; what came after the checkpoint may still be in the log.
        await poll('the log was folded in on the full disk', 90_000, async () => log.bytesToFold() < LOG_BYTES / 2 || undefined)
        for (let tag = TAGS_AT_ONCE; tag < TAGS - 5; tag += 1) await deleteTag(tag)
        await expectStatus(await client.deleteManifest('app', gone.manifest.digest), 202)
        for (const { digest } of gone.layers) await expectStatus(await client.request('DELETE', `/v2/app/blobs/${digest}`), 202)

        await poll('space comes back', 90_000, async () => (await statfs(disk.path)).bavail > 0 || undefined)
        const refused = await client.request('POST', '/v2/app/blobs/uploads/')
        expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true])
        expect(await refused.json()).toMatchObject({
          errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('full') }],
        })
        expect(await (await client.request('GET', '/v2/app/tags/list')).json()).toMatchObject({ tags: ['kept'] })
        expect(await (await client.getManifest('app', 'kept')).bytes()).toEqual(kept.manifest.bytes)
        for (const { digest, bytes } of kept.layers) expect(await (await client.getBlob('app', digest)).bytes()).toEqual(bytes)
        expect((await client.getManifest('app', gone.manifest.digest)).status).toBe(404)

        await disk.free()
        for (const blob of gone.layers) await client.pushBlob('app', blob)
        await expectStatus(await client.putManifest('app', 'again', gone.manifest), 201)
        expect(await (await client.getManifest('app', 'again')).bytes()).toEqual(gone.manifest.bytes)
      },
      TEST_MS,
    )
  },
)
