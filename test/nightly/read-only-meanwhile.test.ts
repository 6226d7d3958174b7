import { expect, test } from 'bun:test'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const CLIENTS = 16
const SOME = 40
const TEST_MS = 300_000

interface Told {
  readonly repository: string
  readonly image: Image
  readonly status: number
  readonly text: string
}

/** Needs a loop device, which not every build machine gives. */
describeWith({ programs: ['mkfs.ext4', 'e2fsck', 'mount', 'umount', 'losetup'], root: true }, 'a disk', () => {
  test(
    `that an error makes read-only while ${CLIENTS} clients push still gives pulls, refuses in words, and has all that was acknowledged`,
    async () => {
      using folder = new TemporaryFolder()
      await using disk = await FaultyDisk.mount(folder)
      const told: Told[] = []
      {
        await using berth = await startBerth({ folder, dataDirectory: disk.path, expectsFaults: true })
        const isTold = new AbortController()
        const pushing = Array.from({ length: CLIENTS }, (_, number) => pushUntilRefused(berth.url, number, told, isTold.signal))
        await poll('some were pushed', 60_000, async () => told.length >= SOME || undefined)

        await disk.fail()

        await Promise.race([Promise.all(pushing), Bun.sleep(60_000)])
        isTold.abort()
        await Promise.all(pushing)
        const refused = told.filter(({ status }) => status !== 201)
        expect(refused).toHaveLength(CLIENTS)
        for (const { status, text } of refused)
          expect([status, text]).toEqual([503, expect.stringContaining('"code":"UNAVAILABLE"')])
        expect(await problemsOf(berth.url, told)).toEqual([])
        const deleted = await new RegistryClient(berth.url).deleteManifest('team/0', 'v0')
        expect([deleted.status, deleted.headers.has('retry-after'), await deleted.text()]).toEqual([
          ...[503, true, expect.stringContaining('read-only')],
        ])
      }
      await disk.repair()

      await using again = await startBerth({ folder, dataDirectory: disk.path })

      expect(await problemsOf(again.url, told)).toEqual([])
      await pushImage(new RegistryClient(again.url), makeImage('again'), 'again', 'team/0')
    },
    TEST_MS,
  )
})

async function pushUntilRefused(url: string, number: number, told: Told[], signal: AbortSignal): Promise<void> {
  const client = new RegistryClient(url)
  for (let round = 0; !signal.aborted; round += 1) {
    const image = makeImage(`${number} ${round}`, { layers: 1 })
    const repository = `team/${number}`
    const outcome = await push(client, repository, `v${round}`, image)
    told.push({ repository, image, ...outcome })
    if (outcome.status !== 201) return
  }
}

/** The answer that ended it. */
async function push(client: RegistryClient, repository: string, tag: string, image: Image) {
  for (const { digest, bytes } of blobsOf(image)) {
    const begun = await client.request('POST', `/v2/${repository}/blobs/uploads/`)
    if (begun.status !== 202) return { status: begun.status, text: await begun.text() }
    const closed = await client.closeUpload(begun.headers.get('location') ?? '', digest, bytes)
    if (closed.status !== 201) return { status: closed.status, text: await closed.text() }
  }
  const response = await client.putManifest(repository, tag, image.manifest)
  return { status: response.status, text: await response.text() }
}

/** What was acknowledged and cannot be pulled. */
async function problemsOf(url: string, told: readonly Told[]): Promise<readonly string[]> {
  const client = new RegistryClient(url)
  const problems: string[] = []
  for (const { repository, image, status } of told) {
    if (status !== 201) continue
    const { status: got } = await client.getManifest(repository, image.manifest.digest)
    if (got !== 200) problems.push(`${repository}@${image.manifest.digest} answers ${got}`)
    for (const { digest, bytes } of blobsOf(image)) {
      const blob = await client.getBlob(repository, digest)
      if (!Buffer.from(await blob.bytes()).equals(Buffer.from(bytes))) problems.push(`${repository} lost ${digest}`)
    }
  }
  return problems
}

/** ext4 on a loop device, which becomes read-only with its first error. */
class FaultyDisk implements AsyncDisposable {
  readonly path: string
  readonly #device: string
  readonly #run: (...command: readonly string[]) => Promise<unknown>

  private constructor(parts: { path: string; device: string; run: (...command: readonly string[]) => Promise<unknown> }) {
    this.path = parts.path
    this.#device = parts.device
    this.#run = parts.run
  }

  static async mount(folder: TemporaryFolder): Promise<FaultyDisk> {
    const environment = environmentIn(folder.join('env'))
    const runs = async (...command: readonly string[]) => await runToSuccess(command, { environment })
    const image = await folder.file('disk.img', '')
    await truncate(image, 256 * 1024 * 1024)
    await runs('mkfs.ext4', '-q', image)
    const device = (await runs('losetup', '--find', '--show', image)).trim()
    const path = folder.join('disk')
    await mkdir(path)
    await runs('mount', '-o', 'errors=remount-ro', device, path)
    return new FaultyDisk({ path, device, run: runs })
  }

  async fail(): Promise<void> {
    await writeFile(join('/sys/fs/ext4', basename(this.#device), 'trigger_fs_error'), 'a test')
  }

  /** As an operator does it: unmounted, looked through, mounted again. */
  async repair(): Promise<void> {
    await this.#run('umount', this.path)
    await this.#run('sh', '-c', `e2fsck -fy ${this.#device} >&2 || [ $? -eq 1 ]`)
    await this.#run('mount', '-o', 'errors=remount-ro', this.#device, this.path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run('umount', '--lazy', this.path)
    await this.#run('losetup', '--detach', this.#device)
  }
}
