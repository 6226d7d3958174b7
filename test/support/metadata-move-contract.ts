import { describe, expect, test } from 'bun:test'
import { deleteMoves, listMoves, listMovesOf } from '../../src/metadata/history/moves.ts'
import { type MovedBy, moveTag, setTag } from '../../src/metadata/history/tag-changes.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { parseTag, type Tag } from '../../src/oci/reference.ts'
import { A, ContractMetadata, digest, type OpenedForContract } from './metadata-contract.ts'

/** What every metadata database promises about moves of tags. */
export function describeMetadataMoves(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name}: moves of tags`, () => {
    const metadata = new ContractMetadata(open)
    const [v1, v2] = ['v1', 'v2'].map(parseTag) as [Tag, Tag]
    const [one, two] = [digest('1'), digest('2')]
    const push: MovedBy = {
      how: 'manifest push',
      actor: { name: 'alice', address: '192.0.2.1', requestId: 'a request' },
      atMs: 1000,
    }
    const deletion: MovedBy = { how: 'tag delete', actor: { ...push.actor, name: undefined }, atMs: 2000 }

    async function moves(tag: Tag, to: Digest | null, by: MovedBy | undefined): Promise<void> {
      const repositoryId = await metadata.repository(A)
      await metadata.change((query, stamp) => moveTag(query, { repositoryId, tag, digest: to }, by, stamp))
    }

    const waiting = async () =>
      (await listMoves(metadata.read, 10)).map(({ tag, before, digest, by, how, atMs }) => [tag, before, digest, by, how, atMs])

    test('each change of where a tag points is one, with what did it; what leaves it there is none', async () => {
      await moves(v1, one, push)
      await moves(v1, one, { ...push, atMs: 1500 })
      await moves(v1, two, { ...push, atMs: 1600 })
      await moves(v1, null, deletion)
      await moves(v1, null, { ...deletion, atMs: 3000 })
      await moves(v1, one, { ...push, atMs: 4000 })

      expect(await waiting()).toEqual([
        ['v1', null, one, 'alice', 'manifest push', 1000],
        ['v1', one, two, 'alice', 'manifest push', 1600],
        ['v1', two, null, null, 'tag delete', 2000],
        ['v1', null, one, 'alice', 'manifest push', 4000],
      ])
    })

    test('what a scan found is none, and the next move tells what the scan had found', async () => {
      await moves(v1, one, push)
      const repositoryId = await metadata.repository(A)
      await metadata.change((query, stamp) => setTag(query, repositoryId, v1, two, stamp))
      await metadata.change((query, stamp) => setTag(query, repositoryId, v2, two, stamp))
      await metadata.change((query, stamp) => setTag(query, repositoryId, v2, two, stamp), 2)
      await moves(v1, one, { ...push, atMs: 5000 })

      expect(await waiting()).toEqual([
        ['v1', null, one, 'alice', 'manifest push', 1000],
        ['v1', two, one, 'alice', 'manifest push', 5000],
      ])
    })

    test('those of one tag are found, and what is taken goes and nothing else', async () => {
      await moves(v1, one, push)
      await moves(v2, one, push)
      await moves(v1, two, push)
      const [first, second, third] = await listMoves(metadata.read, 3)
      const repositoryId = await metadata.repository(A)
      const ofV1 = (await listMovesOf(metadata.read, repositoryId, v1)).map((move) => move.digest)

      // As though the second one had been committed after this look.
      await metadata.change((query) =>
        deleteMoves(
          query,
          [first, third].filter((move) => move !== undefined),
        ),
      )

      expect([first?.repository, first?.tag, second?.tag]).toEqual([A, v1, v2])
      expect(ofV1).toEqual([one, two])
      expect(await waiting()).toEqual([['v2', null, one, 'alice', 'manifest push', 1000]])
    })
  })
}
