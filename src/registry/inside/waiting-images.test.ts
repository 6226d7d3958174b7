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
  await letWait(0, WAITING)
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function imageAt(number: number): Digest {
  return `sha256:${String(number).padStart(64, '0')}` as Digest
}

/** Images of one turn: the last of them are the first ones that are looked at. */
async function letWait(from: number, count: number): Promise<void> {
  await berth.opened.metadata.write(async (query) => {
    await query.run(
      `INSERT INTO image_inside (digest, state, turn, missing) SELECT value, 2, 7, 'sha256:layer-of-' || value FROM json_each(?)`,
      JSON.stringify(Array.from({ length: count }, (_, number) => imageAt(from + number))),
    )
  })
}

async function stateOf(image: Digest): Promise<string | undefined> {
  return (await findImageInside(berth.opened.metadata.read, image))?.state
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

test('a run looks at 10,000, and the next one goes on there, after the last pushed', async () => {
  await letWait(WAITING, 10_000)
  const [oldest, newest] = [imageAt(0), imageAt(WAITING + 9_999)]
  let turns = 0
  const count = () => {
    turns += 1
    counting = setImmediate(count)
  }
  await bringLayerOf(oldest)

  let counting = setImmediate(count)
  await berth.registry.insideDuty.run(signal)
  clearImmediate(counting)
  const afterOne = await stateOf(oldest)
  await bringLayerOf(newest)
  await berth.registry.insideDuty.run(signal)

  expect(afterOne).toBe('waiting')
  expect(await stateOf(oldest)).toBe('nothing')
  expect(await stateOf(newest)).toBe('nothing')
  // Other work has its turn between two looks.
  expect(turns).toBeGreaterThanOrEqual(19)
})

test('a run that is to end looks at the first ones alone', async () => {
  await bringLayerOf(imageAt(0))

  await berth.registry.insideDuty.run(AbortSignal.abort())

  expect(await stateOf(imageAt(0))).toBe('waiting')
})

test('one that a caller asked for is looked at, too, and not when what it waits for is on its way out', async () => {
  const { metadata } = berth.opened
  const [asked, other] = [imageAt(0), imageAt(1)]
  for (const image of [asked, other]) await bringLayerOf(image)
  await metadata.write(async (query) => {
    await query.run('UPDATE image_inside SET turn = 1000000000000001 WHERE digest = ?', asked)
    await query.run("UPDATE blob SET state = 'condemned' WHERE digest = 'sha256:layer-of-' || ?", other)
  })

  const looked = await listWaitingImages(metadata.read, undefined, WAITING)

  expect(looked[0]).toEqual({ digest: asked, turn: 1_000_000_000_000_001, isThere: true })
  expect(looked.filter(({ isThere }) => isThere)).toHaveLength(1)
})
