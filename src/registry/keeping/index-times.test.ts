import { expect, test } from 'bun:test'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag, type Tag } from '../../oci/reference.ts'
import { LOCAL_STORAGE, type StoragePath } from '../../storage/driver.ts'
import { CURRENT_LINK_FILE, indexLinkFile, layout } from '../../storage/layout.ts'
import { MemoryDriver } from '../../storage/memory/memory.ts'
import { IndexTimes } from './index-times.ts'

const signal = new AbortController().signal
const app = parseRepositoryName('ci/app')
const tagOf = (number: number) => parseTag(`v${number}`)
const digestOf = (number: number, algorithm = 'sha256') =>
  parseDigest(`${algorithm}:${number.toString(16).padStart(algorithm === 'sha256' ? 64 : 128, '0')}`)

async function place(storage: MemoryDriver, tag: Tag, digests: readonly Digest[]): Promise<void> {
  const files = [...digests.map(indexLinkFile), CURRENT_LINK_FILE].map((name) => ({ name, bytes: new Uint8Array() }))
  await storage.place([{ directory: layout.tag(app, tag), files }])
}

test('a list of all files and a look at each tag give the same times, of the tags and manifests that were asked about', async () => {
  const storage = new MemoryDriver()
  const names = Array.from({ length: 700 }, (_, number) => tagOf(number))
  for (const [number, tag] of names.entries())
    await place(storage, tag, [digestOf(number), digestOf(1, 'sha512'), digestOf(2_000)])
  await place(storage, parseTag('other'), [digestOf(1)])
  const question = {
    name: app,
    tags: new Map(names.map((tag) => [tag, undefined])),
    there: new Set([...names.map((_, number) => digestOf(number)), digestOf(1, 'sha512')]),
  }
  const asked: string[] = []
  const told = (listsWhole: boolean) => ({
    capabilities: { ...LOCAL_STORAGE, listsWhole },
    stat: async (path: StoragePath) => await noted('stat', storage.stat(path)),
    list: async (path: StoragePath) => await noted('list', storage.list(path)),
    listFiles: async (path: StoragePath, after?: string) => await noted('listFiles', storage.listFiles(path, after)),
  })
  const noted = async <Answer>(method: string, answer: Promise<Answer>): Promise<Answer> => {
    asked.push(method)
    return await answer
  }

  const looked = await new IndexTimes(told(false)).of(question, signal)
  const lookedBy = new Set(asked.splice(0))
  const listed = await new IndexTimes(told(true)).of(question, signal)

  expect(listed.size).toBe(700)
  expect([...(listed.get(tagOf(5))?.keys() ?? [])]).toEqual([digestOf(5), digestOf(1, 'sha512')])
  expect(Object.fromEntries(looked)).toEqual(Object.fromEntries(listed))
  expect(lookedBy).toEqual(new Set(['list', 'stat']))
  expect(new Set(asked)).toEqual(new Set(['listFiles']))
  expect(asked.length).toBeLessThan(10)
})
