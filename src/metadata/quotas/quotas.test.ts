import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { describeOnEachEngine } from '../../../test/support/each-engine.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../oci/name.ts'
import {
  deleteBlobs,
  ensureRepository,
  setBlobArriving,
  setBlobLive,
  setLink,
  setLinkFound,
  setManifestFound,
  setManifestGone,
  setManifestHeld,
  setManifestUnserved,
} from '../changes.ts'
import { nextNumber, type Query, type Stamp } from '../query.ts'
import {
  addMembers,
  beginRules,
  countSome,
  findUses,
  isAllCounted,
  listQuotas,
  type QuotaUse,
  recountQuotas,
  setWarned,
} from './quotas.ts'

const EPOCH = 7
const NAMES = ['team/a', 'team/b', 'other/a'].map(parseRepositoryName)
const CONTENT = Array.from({ length: 4 }, (_, index) => digestOf('sha256', new TextEncoder().encode(`content ${index}`)))

describeOnEachEngine('quotas', (opened) => {
  /** `team` for team/**, and one of its own for each first part. */
  function quotasOf(repository: RepositoryName): readonly string[] {
    const [first = ''] = repository.split('/')
    return [...(first === 'team' ? ['team'] : []), `own/${first}`]
  }

  async function change(operation: (query: Query, stamp: Stamp) => Promise<void>): Promise<void> {
    await opened().metadata.write(async (query) => await operation(query, { number: await nextNumber(query), epoch: EPOCH }))
  }

  async function countAll(rules = 'rules', of = quotasOf): Promise<void> {
    const { metadata } = opened()
    while (await metadata.write((query) => beginRules(query, rules)));
    while (await metadata.write((query) => addMembers(query, of)));
    while (await metadata.write(countSome));
  }

  async function uses(): Promise<Record<string, number>> {
    const listed = await listQuotas(opened().metadata.read, 100)
    return Object.fromEntries(listed.map(({ name, used }) => [name, used]))
  }

  /** What the rows must come to, told from outside. */
  class Model {
    readonly #sizes = new Map<number, number>()
    readonly #links = new Map<string, number>()
    readonly #manifests = new Map<string, number>()

    size(content: number, bytes: number | undefined): void {
      if (bytes === undefined) this.#sizes.delete(content)
      else this.#sizes.set(content, bytes)
    }

    link(repository: number, name: number, target: number | undefined): void {
      if (target === undefined) this.#links.delete(`${repository} ${name}`)
      else this.#links.set(`${repository} ${name}`, target)
    }

    manifest(repository: number, content: number, isLinked: boolean): void {
      if (isLinked) this.#manifests.set(`${repository} ${content}`, content)
      else this.#manifests.delete(`${repository} ${content}`)
    }

    uses(): Record<string, number> {
      const held = new Map<string, Set<number>>()
      for (const [key, content] of [...this.#links, ...this.#manifests]) {
        for (const quota of quotasOf(NAMES[Number(key.split(' ')[0])] as RepositoryName))
          held.set(quota, (held.get(quota) ?? new Set()).add(content))
      }
      const sum = (contents: Set<number>) => [...contents].reduce((bytes, content) => bytes + (this.#sizes.get(content) ?? 0), 0)
      return Object.fromEntries([...held].map(([quota, contents]) => [quota, sum(contents)]))
    }
  }

  const place = fc.record({ repository: fc.nat(NAMES.length - 1), content: fc.nat(CONTENT.length - 1) })
  const step = fc.oneof(
    fc.record({ kind: fc.constant('size' as const), content: fc.nat(3), bytes: fc.option(fc.nat(1000), { nil: undefined }) }),
    fc.record({
      kind: fc.constant('link' as const),
      place,
      target: fc.option(fc.nat(3), { nil: undefined }),
      found: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('held' as const, 'found' as const, 'unserved' as const, 'gone' as const), place }),
    fc.record({ kind: fc.constantFrom('arriving' as const, 'purge' as const), content: fc.nat(3) }),
    fc.record({ kind: fc.constantFrom('members' as const, 'count' as const) }),
  )
  type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never
  type Placed = Extract<Step, { readonly place: object }>

  async function take(taken: Step, model: Model): Promise<void> {
    const { metadata } = opened()
    if (taken.kind === 'members') return void (await metadata.write((query) => addMembers(query, quotasOf)))
    if (taken.kind === 'count') return void (await metadata.write(countSome))
    if (taken.kind === 'purge') {
      await change(async (query) => await query.run('DELETE FROM link WHERE target IS NULL'))
      return
    }
    if (taken.kind === 'arriving')
      return await change(async (query, stamp) => void (await setBlobArriving(query, CONTENT[taken.content] as never, stamp)))
    if (taken.kind === 'size') {
      const digest = CONTENT[taken.content] as never
      model.size(taken.content, taken.bytes)
      return await change(async (query, stamp) => {
        if (taken.bytes === undefined) await deleteBlobs(query, [digest])
        else await setBlobLive(query, digest, taken.bytes, stamp)
      })
    }
    if ('place' in taken) await putContent(taken, model)
  }

  async function putContent(taken: Placed, model: Model): Promise<void> {
    const { repository, content } = taken.place
    const digest = CONTENT[content] as never
    await change(async (query, stamp) => {
      const id = await ensureRepository(query, NAMES[repository] as RepositoryName, EPOCH)
      switch (taken.kind) {
        case 'link': {
          const target = taken.target === undefined ? null : (CONTENT[taken.target] as never)
          model.link(repository, content, taken.target)
          if (taken.found && target !== null) return await setLinkFound(query, id, digest, target, stamp, 0)
          return await setLink(query, id, digest, target, stamp)
        }
        case 'held':
          await setManifestHeld(query, id, digest, null, stamp)
          break
        case 'found':
          await setManifestFound(query, id, digest, null, stamp, 0)
          break
        case 'unserved':
          await setManifestUnserved(query, id, digest, { isOpaque: false, unknownForMs: 0 }, stamp)
          break
        case 'gone':
          await setManifestGone(query, id, digest, stamp)
      }
      model.manifest(repository, content, taken.kind !== 'gone')
    })
  }

  test('whatever changes in whatever order, a quota uses the bytes of the distinct content of its repositories', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const model = new Model()
        await countAll()
        for (const taken of steps) await take(taken, model)

        for (const { used, recounted } of await recountQuotas(opened().metadata.read)) expect(used).toBe(recounted)
        await countAll()
        expect(withoutNothing(await uses())).toEqual(withoutNothing(model.uses()))
        expect((await recountQuotas(opened().metadata.read)).filter(({ used, recounted }) => used !== recounted)).toEqual([])
        await forgetEverything()
      }),
      { numRuns: 60 },
    )
  })

  /** A quota that has become empty stays listed. */
  function withoutNothing(counted: Record<string, number>): Record<string, number> {
    return Object.fromEntries(Object.entries(counted).filter(([, used]) => used > 0))
  }

  async function forgetEverything(): Promise<void> {
    await change(async (query) => {
      for (const table of ['link', 'manifest', 'blob', 'repository', 'reference']) await query.run(`DELETE FROM ${table}`)
    })
    await countAll('', () => [])
  }

  test('what was there before is counted some at a time, and what changes meanwhile is counted once', async () => {
    const many = Array.from({ length: 450 }, (_, index) => digestOf('sha256', new TextEncoder().encode(String(index))))
    const [repository = NAMES[0] as never] = NAMES
    await change(async (query, stamp) => {
      const id = await ensureRepository(query, repository, EPOCH)
      for (const digest of many) {
        await setBlobLive(query, digest, 10, stamp)
        await setLink(query, id, digest, digest, stamp)
      }
    })
    const { metadata } = opened()
    await metadata.write((query) => beginRules(query, 'rules'))
    await metadata.write((query) => addMembers(query, quotasOf))
    await metadata.write(countSome)
    const [first, last] = [[...many].sort()[0], [...many].sort().at(-1)]

    expect(await isAllCounted(metadata.read)).toBe(false)
    await change(async (query, stamp) => {
      const id = await ensureRepository(query, repository, EPOCH)
      for (const digest of [first, last]) await setLink(query, id, digest as never, null, stamp)
    })
    await countAll()

    expect(await isAllCounted(metadata.read)).toBe(true)
    expect(await uses()).toEqual({ team: 4480, 'own/team': 4480 })
  })

  test('other rules begin at nothing, and count all anew; with the same ones nothing is counted again', async () => {
    await countAll()
    await change(async (query, stamp) => {
      await setBlobLive(query, CONTENT[0] as never, 10, stamp)
      await setLink(
        query,
        await ensureRepository(query, NAMES[0] as never, EPOCH),
        CONTENT[0] as never,
        CONTENT[0] as never,
        stamp,
      )
    })
    await countAll()
    const before = await uses()
    await countAll('others', () => ['all'])
    const others = await uses()
    await countAll('', () => [])

    expect([before, others, await uses()]).toEqual([{ team: 10, 'own/team': 10 }, { all: 10 }, {}])
  })

  test('a look says whether a quota holds the content, and whether its warning was told', async () => {
    await countAll()
    await change(async (query, stamp) => {
      await setBlobLive(query, CONTENT[0] as never, 10, stamp)
      const id = await ensureRepository(query, NAMES[0] as never, EPOCH)
      await addMembers(query, quotasOf)
      await setLink(query, id, CONTENT[0] as never, CONTENT[0] as never, stamp)
    })

    const told = await opened().metadata.write(async (query) => [
      await setWarned(query, 'team', 1),
      await setWarned(query, 'team', 1),
    ])
    const held = byName(await findUses(opened().metadata.read, ['team', 'own/team', 'own/none'], CONTENT[0]))
    const other = await findUses(opened().metadata.read, ['team'], CONTENT[1])

    expect(told).toEqual([true, false])
    expect(held).toEqual([
      { name: 'own/none', used: 0, holds: 0, warned: 0, seenTo: 1 },
      { name: 'own/team', used: 10, holds: 1, warned: 0, seenTo: 1 },
      { name: 'team', used: 10, holds: 1, warned: 1, seenTo: 1 },
    ])
    expect(other).toEqual([{ name: 'team', used: 10, holds: 0, warned: 1, seenTo: 1 }])
  })
})

function byName(uses: readonly QuotaUse[]): readonly QuotaUse[] {
  return [...uses].sort((one, other) => (one.name < other.name ? -1 : 1))
}
