import { expect, spyOn, test } from 'bun:test'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { Absences } from './absences.ts'
import type { BlobFetches } from './blob-fetches.ts'
import { MirroredBlobs } from './mirrored-blobs.ts'

const APP = parseRepositoryName('app')
const BYTES = new TextEncoder().encode('a blob')
const DIGEST = digestOf('sha256', BYTES)
const HERE = { digest: DIGEST, size: BYTES.length, target: DIGEST }

test.each([
  ['a moment ago is taken from its place', 100, 'from its place'],
  ['before a long wait is looked for again, and fetched where it has made room meanwhile', 2_000, 'fetched again'],
])('a blob that was found %s', async (_, waitedMs, expected) => {
  let nowMs = 0
  const clock = spyOn(performance, 'now').mockImplementation(() => nowMs)
  try {
    let isHere = true
    const read = async function* () {
      yield new TextEncoder().encode('fetched again')
    }
    const arriving = { size: Promise.resolve(BYTES.length), read } as unknown as ReturnType<BlobFetches['open']>
    const blobs = new MirroredBlobs({
      upstream: {} as never,
      blobs: {
        find: async () => (isHere ? HERE : undefined),
        content: async () => new Blob(['from its place']),
        redirectUrl: async () => undefined,
      },
      fetches: { open: () => arriving, find: () => undefined } as unknown as BlobFetches,
      absences: new Absences(),
      signal: new AbortController().signal,
    })
    const seen = await blobs.get(APP, DIGEST, { withBytes: true })

    isHere = false
    nowMs += waitedMs
    const content = await blobs.content(seen)

    expect(await new Response(content).text()).toBe(expected)
  } finally {
    clock.mockRestore()
  }
})

test('what a rule brings is here at the end, also where a client of a mirror that is too small for it had it on its way', async () => {
  const opened: boolean[] = []
  const ended: boolean[] = []
  const blobs = new MirroredBlobs({
    upstream: {} as never,
    blobs: { find: async () => undefined, content: async () => new Blob(), redirectUrl: async () => undefined },
    fetches: {
      open: () => ({ hasPassed: opened.push(true) === 1, whole: async () => BYTES.length }),
      untilEnded: async () => void ended.push(true),
    } as unknown as BlobFetches,
    absences: new Absences(),
    signal: new AbortController().signal,
  })

  expect(await blobs.bring(APP, DIGEST, async () => undefined)).toBe(BYTES.length)
  expect([opened.length, ended.length]).toEqual([2, 1])
})
