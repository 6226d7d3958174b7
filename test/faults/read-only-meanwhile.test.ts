import { expect, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { problemsOf, push, pushUntilRefused, type Told } from '../support/pushing-clients.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { SwitchableDisk } from '../support/switchable-disk.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { loseDatabase } from '../support/test-root.ts'

const CLIENTS = 16
const SOME = 40
const TEST_MS = 240_000
const SOON_MS = 90_000

describeWith(
  { programs: ['mountpoint', 'umount'], root: true },
  `a disk that becomes read-only while ${CLIENTS} clients push`,
  () => {
    test(
      'gives pulls, refuses in words, has all that was acknowledged, and takes pushes and deletes again without a restart',
      async () => {
        using folder = new TemporaryFolder()
        await using disk = await SwitchableDisk.mount(folder)
        const told: Told[] = []
        {
          await using berth = await startBerth({ folder, dataDirectory: disk.path, expectsFaults: true })
          const client = new RegistryClient(berth.url)
          const { signal } = new AbortController()
          const pushing = Array.from({ length: CLIENTS }, (_, number) => pushUntilRefused(berth.url, number, told, signal))
          await poll('some were pushed', SOON_MS, async () => told.length >= SOME || undefined)

          await disk.makeReadOnly()

          await Promise.all(pushing)
          const refused = told.filter(({ status }) => status !== 201)
          expect(refused).toHaveLength(CLIENTS)
          for (const { status, text } of refused)
            expect([status, text]).toEqual([503, expect.stringMatching(/"code":"UNAVAILABLE","message":"[^"]*read-only/)])
          expect(await problemsOf(berth.url, told)).toEqual([])
          const deleted = await client.deleteManifest('team/0', 'v0')
          expect([deleted.status, await deleted.text()]).toEqual([503, expect.stringContaining('read-only')])

          await disk.makeWritable()

          for (const { repository, image } of refused) {
            const again = await poll('it is taken', SOON_MS, async () => {
              const outcome = await push(client, repository, 'again', image)
              return outcome.status === 201 ? { repository, image, ...outcome } : undefined
            })
            told.push(again)
          }
          expect((await client.deleteManifest('team/0', 'again')).status).toBe(202)
          expect(await problemsOf(berth.url, told)).toEqual([])
        }
        loseDatabase(disk.path)

        await using again = await startBerth({ folder, dataDirectory: disk.path })

        expect(await problemsOf(again.url, told)).toEqual([])
        expect((await push(new RegistryClient(again.url), 'team/new', 'v1', makeImage('new'))).status).toBe(201)
      },
      TEST_MS,
    )
  },
)
