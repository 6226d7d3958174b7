import { describe, expect, test } from 'bun:test'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { S3Client } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

describe('berth storage check', () => {
  test(
    'tries a directory and leaves nothing in it',
    async () => {
      using folder = new TemporaryFolder()
      const root = folder.join('data')

      const outcome = await check(folder, registryConfig(root))

      expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
      expect(outcome.stdout).toStartWith(`The storage is the directory ${root}.\n  ok `)
      expect(outcome.stdout).toContain('  ok          upload 21 MiB in two requests: put in its place in ')
      expect(outcome.stdout).toMatch(/\nA registry can serve from here[^\n]*\n$/)
      expect((await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())).toEqual([])
      expect((await readdir(join(root, 'berth'))).sort()).toEqual(['staging', 'trash', 'uploads'])
    },
    TEST_MS,
  )

  test(
    'prints one object in each line for a program',
    async () => {
      using folder = new TemporaryFolder()

      const outcome = await check(folder, 'version: 0.1\nstorage: inmemory\n', '--json')

      const results = outcome.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(outcome.exitCode).toBe(0)
      expect(results[0]).toEqual({ step: 'open it as a registry does', result: 'passed', durationMs: expect.any(Number) })
      expect(results.map(({ result }) => result)).toEqual(Array(11).fill('passed'))
    },
    TEST_MS,
  )
})

describeWith({ programs: ['mount', 'umount'], root: true }, 'berth storage check names what is wrong with a directory', () => {
  test(
    'that is full',
    async () => {
      using folder = new TemporaryFolder()
      await using disk = await MountedFileSystem.mount(folder, 'size=12m')

      const outcome = await check(folder, registryConfig(disk.path))

      expect(outcome.exitCode).toBe(1)
      expect(outcome.stdout).toContain('  FAILED      free space: 0.0 GB are free and 0.0 GB are kept')
      expect(outcome.stdout).toContain('  FAILED      upload 21 MiB in one request: The storage is full')
      expect(outcome.stdout).toContain('steps failed: mend that before a registry serves from here.\n')
    },
    TEST_MS,
  )

  test(
    'that is in two file systems, or mounted read-only',
    async () => {
      using folder = new TemporaryFolder()
      const root = await folder.directory('data')
      await mkdir(join(root, 'berth'))
      const [split, readOnly] = ['size=12m', 'ro'].map((options) => MountedFileSystem.mount(folder, options))
      await using disk = await split
      await using still = await readOnly
      await Bun.$`rmdir ${join(root, 'berth')} && ln -s ${disk?.path ?? ''} ${join(root, 'berth')}`.quiet()

      const [two, none] = [await check(folder, registryConfig(root)), await check(folder, registryConfig(still?.path ?? ''))]

      expect([two.exitCode, none.exitCode]).toEqual([1, 1])
      expect(two.stdout).toContain('are on different file systems; put both on one.\n')
      expect(none.stdout).toContain('The file system is mounted read-only; mount it so that it can be written.')
      expect(none.stdout).toEndWith('1 of 1 steps failed: mend that before a registry serves from here.\n')
    },
    TEST_MS,
  )
})

describeOnStores('berth storage check', (store) => {
  test(
    'tries a bucket, request by request and as a registry, and leaves nothing in it',
    async () => {
      using folder = new TemporaryFolder()
      const place = await store().newBucket()

      const outcome = await check(folder, `version: 0.1\nstorage:\n${s3Section(place)}`)

      expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
      expect(outcome.stdout).toStartWith(`The storage is the bucket ${place.bucket} at ${place.endpoint}, below /.\n`)
      expect(outcome.stdout.match(/^ {2}ok /gm)).toHaveLength(25)
      expect(await new S3Client(place).list('')).toEqual([])
    },
    TEST_MS,
  )
})

async function check(folder: TemporaryFolder, config: string, ...options: readonly string[]): Promise<Outcome> {
  const path = await folder.file(`${crypto.randomUUID()}.yml`, config)
  return await run([BERTH_PROGRAM, 'storage', 'check', path, ...options], {
    environment: environmentIn(folder.path),
    timeoutMs: TEST_MS,
  })
}
