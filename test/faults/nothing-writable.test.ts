import { expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { processCounts } from '../support/effort.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { environmentIn, run } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

/** Every mount is read-only for the program, /tmp and /dev/shm too, but for the folder that is the first word. */
const READ_ONLY = `
mount --make-rprivate / && mount --bind "$1" "$1" || exit 99
while read -r _ place type _; do
  case "$place" in "$1"|/proc|/proc/*|/sys|/sys/*) ;; *) mount -o remount,bind,ro "$place" 2>/dev/null ;; esac
done </proc/mounts
touch /tmp/not-to-be 2>/dev/null && exit 98
shift && exec "$@"`

function onlyWritable(folder: string): readonly string[] {
  return ['unshare', '--mount', 'sh', '-c', READ_ONLY, 'sh', folder]
}

describeWith({ programs: ['unshare', 'mount'], root: true }, 'where nothing can be written but the storage', () => {
  test.each(processCounts('a disk on which nothing is writable'))(
    'a directory is served, with pushes and deletes, by %i process(es)',
    async (processes) => {
      using folder = new TemporaryFolder()
      const dataDirectory = folder.join('data')
      await mkdir(dataDirectory)
      await using berth = await startBerth({ folder, dataDirectory, processes, before: onlyWritable(dataDirectory) })
      const client = new RegistryClient(berth.url)
      const image = makeImage('kept')

      for (const blob of blobsOf(image)) await client.pushBlob('kept', blob)
      await expectStatus(await client.putManifest('kept', 'latest', image.manifest), 201)
      expect(await (await client.getManifest('kept', 'latest')).bytes()).toEqual(image.manifest.bytes)
      await expectStatus(await client.deleteManifest('kept', 'latest'), 202)
    },
    TEST_MS,
  )

  test(
    'a bucket is not, and the message names metadata.path',
    async () => {
      using folder = new TemporaryFolder()
      const written = folder.join('written')
      await mkdir(written)
      using store = emptyStore()
      const place = { endpoint: store.url.origin, region: 'a', accessKey: 'a', secretKey: 'a', bucket: 'images' }
      const config = await folder.file('config.yml', registryConfig(place))
      const command = [...onlyWritable(written), BERTH_PROGRAM, 'serve', config]

      const { exitCode, stderr } = await run(command, { environment: environmentIn(folder.join('env')) })

      expect(exitCode).toBe(1)
      expect(stderr).toMatch(
        /berth: \/\S+ cannot be used: the file system is mounted read-only\. The metadata database belongs there; name another place with metadata\.path\./,
      )
    },
    TEST_MS,
  )
})

/** A bucket in which nothing is. */
function emptyStore() {
  const xml = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
  return Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(xml) })
}
