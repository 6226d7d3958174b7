import { expect, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { directoryTree, filesOf } from '../support/directory-tree.ts'
import { fixedBytes, makeImage, makeImageIndex, sha256 } from '../support/images.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { S3Client } from '../support/s3-client.ts'
import { SharedStore } from '../support/shared-store.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { withoutProgress } from '../support/without-progress.ts'

const TEST_MS = 120_000
const MIB = 1024 * 1024
/** More than one part, and not a whole number of them. */
const LARGE = fixedBytes(23 * MIB + 5)

describeWith({ programs: [PEER_PROGRAM] }, 'berth storage copy with object stores', () => {
  describeOnStores('a registry', (store) => {
    test(
      'goes from a directory to a bucket and back to a directory, byte for byte, and registry:2 serves it',
      async () => {
        using source = new SharedStore()
        using target = new SharedStore()
        await fill(source)
        const place = await store().newBucket()
        const bucket = s3Section(place, '    rootdirectory: /images\n')

        const there = await copy(target, filesystem(source), bucket)
        const again = await copy(target, filesystem(source), bucket)
        const back = await copy(target, bucket, filesystem(target))

        expect([there, again, back].map((copied) => [copied.exitCode, withoutProgress(copied.stderr)])).toEqual(
          Array(3).fill([0, '']),
        )
        expect(again.stdout).toStartWith('Copied 0 blobs (0 B), 0 links and 0 tags.\nThere already: ')
        expect(back.stdout.split('\n')[0]).toBe(there.stdout.split('\n')[0] ?? '')
        const keys = (await new S3Client(place).list('images/')).filter((key) => !key.startsWith('images/docker/registry/v2/'))
        expect(keys).toEqual([])
        expect(filesOf(await directoryTree(target.path()))).toEqual(filesOf(await directoryTree(source.path())))
        target.expected.putBackTo(source.expected)
        await target.expectThroughPeer()
      },
      TEST_MS,
    )

    test(
      'is not copied into a bucket that is served, from whichever machine',
      async () => {
        using source = new SharedStore()
        using machine = new TemporaryFolder()
        await fill(source)
        const place = await store().newBucket()
        await using _ = await startBerth({ folder: machine, dataDirectory: place })

        const { exitCode, stderr } = await copy(source, filesystem(source), s3Section(place))

        expect(exitCode).toBe(1)
        expect(stderr).toContain(
          'berth: Another Berth with a metadata database of its own is at work on this storage; stop it first.',
        )
        expect(await new S3Client(place).list('docker/')).toEqual([])
      },
      TEST_MS,
    )
  })
})

async function fill(source: SharedStore): Promise<void> {
  await source.throughPeer(async (writer) => {
    const one = makeImage('one')
    await writer.push('team/app', one, 'one', 'latest')
    await writer.push('team/app', makeImage('two', { format: 'docker' }), 'latest')
    await writer.push('team/app/nested', makeImageIndex([one, makeImage('arm', { architecture: 'arm64' })]), 'index')
    await writer.pushBlob('team/app', { mediaType: '', digest: sha256(LARGE), bytes: LARGE })
    await writer.pushBlob('team/app', { mediaType: '', digest: sha256(new Uint8Array()), bytes: new Uint8Array() })
  })
}

function filesystem({ dataDirectory }: SharedStore): string {
  return `  filesystem:\n    rootdirectory: ${dataDirectory}\n`
}

/** `from` and `to`: what stands below `storage`. */
async function copy(store: SharedStore, from: string, to: string): Promise<Outcome> {
  const [source, target] = await Promise.all(
    [from, to].map((section, index) => store.folder.file(`${index}.yml`, `version: 0.1\nstorage:\n${section}`)),
  )
  const command = [BERTH_PROGRAM, 'storage', 'copy', '--from', source ?? '', '--to', target ?? '']
  return await run(command, { environment: environmentIn(store.folder.path), timeoutMs: TEST_MS })
}
