import { afterEach, beforeEach, expect, setSystemTime, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { Gate } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { blobsOf, contentOf, makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { blobPath } from '../support/scenarios.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const image = makeImage('kept')
const lost = contentOf('application/octet-stream', new TextEncoder().encode('bytes that a dead push did not place'))

let folder: TemporaryFolder
let berth: BerthInProcess
let hook: DiskHook

/** A directory with one image that was looked at completely, and then a link whose bytes never came. */
beforeEach(async () => {
  folder = new TemporaryFolder()
  hook = () => undefined
  berth = await BerthInProcess.start(folder.join('data'), { hook: (call, phase) => hook(call, phase) })
  for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
  await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)
  await berth.scan()
  await mkdir(dirname(linkPath()), { recursive: true })
  await writeFile(linkPath(), lost.digest)
})
afterEach(async () => {
  setSystemTime()
  await berth.stop()
  folder[Symbol.dispose]()
})

test('a week after a complete scan everything is looked at again, and not sooner', async () => {
  await rm(blobPath(folder.join('data'), image.manifest))
  await rm(join(folder.join('data'), 'docker/registry/v2/repositories/app/_manifests'), { recursive: true })

  daysLater(6)
  await berth.scan()
  expect(await tags()).toEqual(['latest'])

  daysLater(8)
  await berth.scan()
  expect(await tags()).toBeUndefined()
})

test('the weekly scan removes links without bytes, and no others', async () => {
  daysLater(8)
  await berth.scan()

  expect(existsSync(linkPath())).toBe(false)
  await expectStatus(await berth.client.headBlob('app', lost.digest), 404)
  for (const blob of blobsOf(image)) await expectStatus(await berth.client.headBlob('app', blob.digest), 200)
  await expectStatus(await berth.client.getManifest('app', 'latest'), 200)
})

/** The scan itself, the look for links without bytes, and the look under a claim: then the push waits. */
test.each([1, 2, 3])('a push that brings the bytes after the weekly scan has read the link %d times keeps it', async (reads) => {
  const looked = new Gate()
  hook = holdAfter(reads, `read ${relative(linkPath())}`, looked)
  daysLater(8)
  const scanning = berth.scan()
  await looked.reached()
  const other = await BerthInProcess.start(folder.join('data'))

  const pushing = other.client.pushBlob('app', lost)
  if (reads < 3) await pushing
  looked.open()
  await Promise.all([scanning, pushing])

  expect(existsSync(linkPath())).toBe(true)
  for (const { client } of [berth, other]) await expectStatus(await client.headBlob('app', lost.digest), 200)
  await other.stop()
})

function daysLater(days: number): void {
  setSystemTime(new Date(Date.now() + days * DAY_MS))
}

async function tags(): Promise<unknown> {
  const body = (await (await berth.client.request('GET', '/v2/app/tags/list')).json()) as { readonly tags?: unknown }
  return body.tags
}

function linkPath(): string {
  const hex = lost.digest.slice('sha256:'.length)
  return folder.join(`data/docker/registry/v2/repositories/app/_layers/sha256/${hex}/link`)
}

function relative(path: string): string {
  return path.slice(folder.join('data').length + 1)
}

function holdAfter(times: number, held: string, gate: Gate): DiskHook {
  let seen = 0
  return (call, phase) => {
    if (phase !== 'after' || !call.endsWith(held)) return undefined
    seen += 1
    return seen === times ? gate.pass() : undefined
  }
}
