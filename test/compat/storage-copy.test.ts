import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { directoryTree } from '../support/directory-tree.ts'
import { fixedBytes, makeImage, makeImageIndex, sha256 } from '../support/images.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { BackgroundProgram, environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { registryConfig } from '../support/registry-config.ts'
import type { RegistryWriter } from '../support/registry-writer.ts'
import { describeWith } from '../support/requirements.ts'
import { SharedStore } from '../support/shared-store.ts'
import { withoutProgress } from '../support/without-progress.ts'

const TEST_MS = 120_000

describeWith({ programs: [PEER_PROGRAM] }, 'berth storage copy', () => {
  test(
    'makes of the directory of registry:2 another one that both registries serve, and changes nothing in the first',
    async () => {
      using source = new SharedStore()
      using target = new SharedStore()
      await source.throughPeer(pushAll)
      const before = await directoryTree(source.dataDirectory)

      const outcome = await copy(source, target)

      expect([outcome.exitCode, withoutProgress(outcome.stderr)]).toEqual([0, ''])
      expect(outcome.stdout).toMatch(/^Copied \d+ blobs \(.*\), \d+ links and 6 tags\.\nThere already: 0 blobs/)
      expect(await directoryTree(source.dataDirectory)).toEqual(before)
      target.expected.putBackTo(source.expected)
      await target.expectThroughPeer()
      await target.expectCollectable()
      await target.expectThroughBerth()
    },
    TEST_MS,
  )

  test(
    'goes on after kill -9 where it was, while its source is served and written to; the last run copies what is new',
    async () => {
      using source = new SharedStore()
      using target = new SharedStore()
      await source.throughBerth(async (writer) => {
        await pushAll(writer)
        await killWhenItHasBegun(source, target)
        await writer.push('team/app', makeImage('pushed while it is copied'), 'latest')
        expect(await copy(source, target)).toMatchObject({ exitCode: 0 })
        await writer.push('team/app', makeImage('pushed after that'), 'latest')
      })

      const last = await copy(source, target)

      expect(last.stdout).toMatch(/^Copied 4 blobs \(.*\), 4 links and 1 tags(, \d+ records of Berth's own)?\.\n/)
      target.expected.putBackTo(source.expected)
      await target.expectThroughPeer()
      await target.expectThroughBerth()
    },
    TEST_MS,
  )

  test(
    'names a damaged blob, copies the rest, and ends with 1',
    async () => {
      using source = new SharedStore()
      using target = new SharedStore()
      const image = makeImage('one')
      const layer = image.layers[0]?.digest ?? ''
      await source.throughPeer(pushAll)
      await Bun.write(source.path('blobs/sha256', layer.slice(7, 9), layer.slice(7), 'data'), 'rotten')

      const text = await copy(source, target)
      const json = await copy(source, target, '--json')

      expect(text.exitCode).toBe(1)
      expect(text.stderr).toContain(
        `berth: ${layer} is damaged in the source, where its 6 bytes are those of ${sha256(encode('rotten'))}`,
      )
      expect(text.stderr).toContain(`berth: team/app@${image.manifest.digest} lacks ${layer}`)
      expect(text.stderr).toContain(`berth: team/app/nested@${image.manifest.digest} lacks ${layer}`)
      expect(text.stdout).toEndWith('tags.\n3 problems are named above.\n')
      expect(json.exitCode).toBe(1)
      const events = json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        // Progress is told only where the copy takes long.
        .filter(({ event }) => event !== 'progress')
      expect(events).toMatchObject([
        { event: 'problem', kind: 'damaged-blob', digest: layer },
        { event: 'end', phase: 'done', tagsCopied: 0, tagsPresent: 6, problems: 1 },
      ])
    },
    TEST_MS,
  )
})

describe('berth storage copy refuses', () => {
  test(
    'a target that is served, a source that is none, and a storage copied onto itself',
    async () => {
      using source = new SharedStore()
      using target = new SharedStore()
      using nothing = new SharedStore()
      await source.throughBerth(async (writer) => await writer.push('app', makeImage('one'), 'latest'))

      await target.throughBerth(async () => {
        expect(await copy(source, target)).toEqual(refusal('A server is running on the target; stop it, and copy then.'))
      })
      const missing = `There is no registry in ${target.dataDirectory}: it has no docker/registry/v2/repositories.`
      await Bun.$`rm -rf ${target.dataDirectory}/docker`
      expect(await copy(target, nothing)).toEqual(refusal(missing))
      expect(await copy(source, source)).toEqual(refusal('Source and target are the same storage; there is nothing to copy.'))
    },
    TEST_MS,
  )

  test(
    'to be served while it copies',
    async () => {
      using source = new SharedStore()
      using target = new SharedStore()
      await source.throughBerth(async (writer) => {
        await writer.push('app', makeImage('one'), 'latest')
        const program = await startCopy(source, target)
        await hasBegun(target)
        process.kill(program.pid, 'SIGSTOP')

        const serving = target.throughBerth(async () => undefined)

        await expect(serving).rejects.toThrow('Another Berth is running on this storage')
        process.kill(program.pid, 'SIGCONT')
        expect(await program.exited).toBe(0)
      })
    },
    TEST_MS,
  )
})

async function pushAll(writer: RegistryWriter): Promise<void> {
  const [one, two] = [makeImage('one'), makeImage('two', { format: 'docker' })]
  await writer.push('team/app', one, 'one', 'latest')
  await writer.push('team/app', two, 'latest')
  await writer.push('team/app', makeImageIndex([one, makeImage('arm', { architecture: 'arm64' })]), 'index')
  await writer.push('team/app/nested', one, 'a', 'b')
  await writer.push('by-digest', makeImage('by digest'), 'tagged')
  await writer.pushBlob('by-digest', { mediaType: '', digest: sha256(LARGE), bytes: LARGE })
}

const LARGE = fixedBytes(20 * 1024 * 1024)

async function hasBegun(target: SharedStore): Promise<void> {
  await poll('the copy has begun', TEST_MS, async () => existsSync(target.path('blobs/sha256')) || undefined)
}

async function killWhenItHasBegun(source: SharedStore, target: SharedStore): Promise<void> {
  const program = await startCopy(source, target)
  await hasBegun(target)
  await program.kill()
}

async function copy(source: SharedStore, target: SharedStore, ...options: readonly string[]): Promise<Outcome> {
  const command = await copyCommand(source, target)
  return await run([...command, ...options], { environment: environmentIn(target.folder.path), timeoutMs: TEST_MS })
}

async function startCopy(source: SharedStore, target: SharedStore): Promise<BackgroundProgram> {
  return new BackgroundProgram(await copyCommand(source, target), { environment: environmentIn(target.folder.path) })
}

async function copyCommand(source: SharedStore, target: SharedStore): Promise<readonly string[]> {
  const from = await target.folder.file('from.yml', registryConfig(source.dataDirectory))
  const to = await target.folder.file('to.yml', registryConfig(target.dataDirectory))
  return [BERTH_PROGRAM, 'storage', 'copy', '--from', from, '--to', to]
}

function refusal(sentence: string): Outcome {
  return { exitCode: 1, stdout: '', stderr: `berth: ${sentence}\n` }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
