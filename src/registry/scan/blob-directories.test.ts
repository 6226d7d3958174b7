import { afterEach, beforeEach, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { contentOf } from '../../../test/support/images.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { findBlob } from '../../metadata/content.ts'
import type { Digest } from '../../oci/digest.ts'

const BLOBS = 'docker/registry/v2/blobs'
const blob = contentOf('', Buffer.from('a layer'))
const shard = `${BLOBS}/sha256/${blob.digest.slice(7, 9)}`

let folder: TemporaryFolder

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  await berth.client.pushBlob('app', blob)
})
afterEach(() => folder[Symbol.dispose]())

/** Looks at everything, as a start does. The directories of blobs that were listed. */
async function scan(): Promise<{ readonly listed: readonly string[]; readonly isKnown: boolean }> {
  const listed: string[] = []
  const hook = (call: string, phase: string) => {
    if (phase === 'before' && call.startsWith(`list ${BLOBS}`)) listed.push(call.slice('list '.length))
    return undefined
  }
  await using berth = await BerthInProcess.start(folder.join('data'), { hook })
  await berth.scan()
  return { listed, isKnown: (await findBlob(berth.opened.metadata.read, blob.digest as Digest)) !== undefined }
}

test('a start lists the directories of blobs that are there, and asks for no other one', async () => {
  const { listed, isKnown } = await scan()

  expect([...listed].sort()).toEqual([BLOBS, `${BLOBS}/sha256`, shard, `${BLOBS}/sha512`])
  expect(isKnown).toBe(true)
})

test('a start forgets the blobs of a directory that has gone', async () => {
  rmSync(folder.join('data', shard), { recursive: true })

  expect(await scan()).toEqual({ listed: [BLOBS, `${BLOBS}/sha256`, `${BLOBS}/sha512`], isKnown: false })
})
