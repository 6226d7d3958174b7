import { expect, test } from 'bun:test'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { environmentIn, poll, runToSuccess } from '../support/processes.ts'
import { problemsOf, pushUntilRefused, type Told } from '../support/pushing-clients.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const CLIENTS = 16
const SOME = 40
const TEST_MS = 300_000

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
