import { afterEach, beforeEach, expect, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { findImageInside, listWaitingImages } from '../../metadata/inside/images.ts'
import type { Digest } from '../../oci/digest.ts'

/** More than are looked at once, of one turn. */
const WAITING = 1_200
const signal = new AbortController().signal

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  await berth.opened.metadata.write(async (query) => {
    await query.run(
      `INSERT INTO image_inside (digest, state, turn, missing) SELECT value, 2, 7, 'sha256:layer-of-' || value FROM json_each(?)`,
      JSON.stringify(Array.from({ length: WAITING }, (_, number) => imageAt(number))),
    )
  })
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function imageAt(number: number): Digest {
  return `sha256:${String(number).padStart(64, '0')}` as Digest
}

async function bringLayerOf(image: Digest): Promise<void> {
  await berth.opened.metadata.write(async (query) => {
    await query.run(
      "INSERT INTO blob (digest, state, size, touched_ms, number) VALUES ('sha256:layer-of-' || ?, 'live', 1, 0, 1)",
      image,
    )
  })
}

test('images that wait are gone through part by part, and one whose layer has come is found wherever it is', async () => {
  const { read } = berth.opened.metadata
  const oldest = imageAt(0)
  await bringLayerOf(oldest)

  const found: string[] = []
  let last: Awaited<ReturnType<typeof listWaitingImages>>[number] | undefined
  for (let more = true; more; more = last !== undefined) {
    const part = await listWaitingImages(read, last, 500)
    found.push(...part.filter(({ isThere }) => isThere).map(({ digest }) => digest))
    last = part.at(-1)
  }
  await berth.registry.insideDuty.run(signal)

  expect(found).toEqual([oldest])
  // No manifest tells what is in it.
  expect((await findImageInside(read, oldest))?.state).toBe('nothing')
  expect((await findImageInside(read, imageAt(1)))?.state).toBe('waiting')
})

test('a look at images that wait reads no more of them than it gives, in the order of an index', async () => {
  const { read } = berth.opened.metadata
  const asked: Parameters<typeof read.all>[] = []
  const note = async (...statement: Parameters<typeof read.all>) => {
    asked.push(statement)
    return []
  }
  const noting = { ...read, all: note }
  await listWaitingImages(noting, { digest: imageAt(3), turn: 7 }, 500)
  const [[sql, ...values] = ['']] = asked

  const plan = await read.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values)

  const steps = plan.map(({ detail }) => detail)
  expect(steps).toContain('SEARCH image_inside USING INDEX image_inside_unread (state=? AND (turn,digest)<(?,?))')
  expect(steps.filter((step) => step.startsWith('SCAN image_inside') || step.includes('TEMP B-TREE'))).toEqual([])
})
