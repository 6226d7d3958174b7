import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startBerth } from '../support/berth-process.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { StreamedBody } from '../support/streamed-body.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const MIB = 1024 * 1024
/** Each holds most of a part of 10 MiB: more than the 48 MiB of memory that a process has for parts. */
const UPLOADS = 8
const HELD_BYTES = 9 * MIB

describeOnStores('parts of uploads to a bucket on a full disk of this machine', (store) => {
  test('end their push with 503 and leave nothing, the others go on, and all do when there is room', async () => {
    using folder = new TemporaryFolder()
    await using disk = await MountedFileSystem.mount(folder, 'size=160m')
    await using berth = await startBerth({
      folder,
      dataDirectory: await store().newBucket(),
      moreConfig: `metadata: {path: ${join(disk.path, 'metadata.db')}}\n`,
      processes: 1,
      expectsFaults: true,
    })
    const client = new RegistryClient(berth.url)
    const layer = contentOf('application/octet-stream', fixedBytes(HELD_BYTES))
    await disk.fill()

    const pushes = await Promise.all(Array.from({ length: UPLOADS }, () => begin(client)))
    for (const { body } of pushes) body.send(layer.bytes)
    const first = await Promise.race(pushes.map(({ answer }) => answer))
    for (const { body } of pushes) body.end()
    const answers = await Promise.all(pushes.map(({ answer }) => answer))

    expect([first.status, first.headers.has('retry-after')]).toEqual([503, true])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 503]))
    expect(await first.json()).toMatchObject({
      errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('disk on which parts of uploads are gathered is full') }],
    })
    for (const [index, { status, headers }] of answers.entries()) {
      const location = status === 202 ? (headers.get('location') ?? '') : (pushes[index]?.location ?? '')
      await expectStatus(
        status === 202 ? await client.closeUpload(location, layer.digest) : await client.request('DELETE', location),
        status === 202 ? 201 : 204,
      )
    }
    await poll('no part is left', 90_000, async () => (await filesIn(join(disk.path, 'parts'))).length === 0 || undefined)

    await disk.free()
    const again = await Promise.all(Array.from({ length: UPLOADS }, () => begin(client)))
    for (const { body } of again) body.send(layer.bytes)
    for (const { body } of again) body.end()
    for (const { answer } of again) await expectStatus(await answer, 202)
  })
})

/** A PATCH whose body the test holds. */
async function begin(client: RegistryClient) {
  const location = await client.startUpload('app')
  const body = new StreamedBody()
  return { location, body, answer: client.request('PATCH', location, { body: body.stream }) }
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}
