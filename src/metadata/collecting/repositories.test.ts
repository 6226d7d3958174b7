import { beforeEach, expect, test } from 'bun:test'
import { describeOnEachEngine } from '../../../test/support/each-engine.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { ensureRepository, putNames, setLink, setManifestGone } from '../changes.ts'
import { insertClaims } from '../claims.ts'
import { findRepository } from '../content.ts'
import { pushTag } from '../history/tag-changes.ts'
import type { Query } from '../query.ts'
import { writeProperty } from '../scans.ts'
import { insertUpload } from '../uploads.ts'
import { deleteEmptyRepositories, endLeaving, listEmptyRepositories, takeEmptyRepositories } from './repositories.ts'

const EPOCH = 3
const STAMP = { number: 1, epoch: EPOCH }
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map(parseRepositoryName) as [RepositoryName, RepositoryName, RepositoryName]
const DIGEST = parseDigest(`sha256:${'a'.repeat(64)}`)
const BY = { how: 'manifest push', actor: { name: 'a', address: undefined, requestId: undefined }, atMs: 1 }

describeOnEachEngine('empty repositories', (opened) => {
  beforeEach(async () => {
    await opened().metadata.write((query) => writeProperty(query, 'names-epoch', String(EPOCH)))
  })

  async function make(name: RepositoryName, fill: (query: Query, id: number) => Promise<void> = async () => undefined) {
    return await opened().metadata.write(async (query) => {
      const id = await ensureRepository(query, name, EPOCH)
      await fill(query, id)
      return { id, name }
    })
  }

  async function empty(): Promise<readonly RepositoryName[]> {
    const { empty, last } = await listEmptyRepositories(opened().metadata.read, EPOCH, 0)
    expect(last).toBeUndefined()
    return empty.map(({ name }) => name)
  }

  async function take(...repositories: readonly { readonly id: number; readonly name: RepositoryName }[]) {
    return await opened().metadata.write((query) => takeEmptyRepositories(query, repositories, EPOCH))
  }

  async function remove(...repositories: readonly { readonly id: number; readonly name: RepositoryName }[]): Promise<void> {
    await opened().metadata.write((query) => deleteEmptyRepositories(query, repositories))
  }

  test.each<[what: string, fill: (query: Query, id: number) => Promise<void>]>([
    ['a link', (query, id) => setLink(query, id, DIGEST, DIGEST, STAMP)],
    ['the tombstone of a link', (query, id) => setLink(query, id, DIGEST, null, STAMP)],
    ['the tombstone of a manifest', (query, id) => setManifestGone(query, id, DIGEST, STAMP)],
    ['a tag', (query, id) => pushTag(query, { repositoryId: id, tag: 'v1' as never, digest: DIGEST }, BY, STAMP)],
    ['what a manifest names', (query, id) => putNames(query, id, DIGEST, [DIGEST])],
    ['an upload', (query) => insertUpload(query, { id: 'upload', repository: ONE, algorithm: 'sha256' })],
  ])('a repository with %s is not empty', async (_, fill) => {
    const one = await make(ONE, fill)
    const two = await make(TWO)

    expect(await empty()).toEqual([TWO])
    expect(await take(one, two)).toEqual([two.id])
    await remove(one, two)
    expect(await findRepository(opened().metadata.read, ONE)).toMatchObject({ id: one.id })
    expect(await findRepository(opened().metadata.read, TWO)).toBeUndefined()
  })

  test('a repository that this epoch has not seen is not known to be empty', async () => {
    const one = await make(ONE)
    await opened().metadata.write((query) => query.run('UPDATE repository SET scanned_epoch = ?', EPOCH - 1))

    expect(await empty()).toEqual([])
    expect(await take(one)).toEqual([])
  })

  test.each([
    ['tag', { kind: 'tag', repository: ONE, tag: 'v1' as never }],
    ['manifest', { kind: 'manifest', repository: ONE, digest: DIGEST }],
    ['link', { kind: 'link', repository: ONE, digest: DIGEST }],
    ['removal of it', { kind: 'repository', repository: ONE }],
  ] as const)('an empty repository in which an operation has claimed a %s is not taken', async (_, name) => {
    const [one, two] = [await make(ONE), await make(TWO)]
    const owner = { operation: 'a push', process: 'a process' }
    await opened().metadata.write((query) => insertClaims(query, [{ name, alone: false }], owner, 1))

    expect(await take(one, two)).toEqual([two.id])
    expect(await findRepository(opened().metadata.read, ONE)).toMatchObject({ state: 'bare' })
    expect(await findRepository(opened().metadata.read, TWO)).toMatchObject({ state: 'leaving' })
  })

  test('a removal that has come to nothing leaves a repository whose directories may be missing', async () => {
    const one = await make(ONE)
    await take(one)

    await opened().metadata.write((query) => endLeaving(query, [ONE]))

    expect(await findRepository(opened().metadata.read, ONE)).toMatchObject({ id: one.id, state: 'bare' })
  })

  test('the id of a repository that has gone is never that of another one', async () => {
    const one = await make(ONE)
    const two = await make(TWO)
    await remove(one, two)

    const three = await make(THREE)
    const again = await make(TWO)

    expect(three.id).toBeGreaterThan(two.id)
    expect(again.id).toBeGreaterThan(three.id)
  })

  test('with a repository goes what was noted of it for quotas and rules, and of no other one', async () => {
    const fill = async (query: Query, id: number) => {
      await query.run('INSERT INTO quota_member (repository_id, quota_id) VALUES (?, 1)', id)
      await query.run('INSERT INTO untagged (repository_id, digest, since_ms) VALUES (?, ?, 1)', id, DIGEST)
    }
    const one = await make(ONE, fill)
    const two = await make(TWO, fill)

    await remove(one)

    for (const table of ['quota_member', 'untagged'])
      expect(await opened().metadata.read.all<{ id: number }>(`SELECT repository_id AS id FROM ${table}`)).toEqual([
        { id: two.id },
      ])
  })

  test('all repositories are looked at, some at a time', async () => {
    for (let number = 0; number < 250; number += 1) await make(parseRepositoryName(`repository-${number}`))
    const names: string[] = []
    let looks = 0
    for (let after: number | undefined = 0; after !== undefined; looks += 1) {
      const slice = await listEmptyRepositories(opened().metadata.read, EPOCH, after)
      names.push(...slice.empty.map(({ name }) => name))
      after = slice.last
    }

    expect(looks).toBe(2)
    expect(new Set(names).size).toBe(250)
  })
})
