import { DEPENDENTS, type DependentsOf, releaseManifests } from '../../metadata/collecting/release.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { Rest } from '../rest.ts'

/** One transaction releases no more: an index may have thousands of children, and a subject more referrers. */
const AT_ONCE = 200

/**
 * A manifest is about to go: what only it leads to, at every level, falls due together. Called by the operation that has claimed it, before
 * the storage changes. If the process dies, or the manifest stays, nothing goes: a manifest that is there leads to what was released below it.
 */
export async function releaseDependents(
  metadata: Metadata,
  root: DependentsOf,
  { isCollected }: { readonly isCollected: boolean },
): Promise<void> {
  const { repositoryId } = root
  const released = new Set<Digest>([root.digest])
  const waiting: Digest[] = [root.digest]
  const rest = new Rest()
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    for await (const part of partsOf(metadata, { repositoryId, digest })) {
      const digests = part.filter((each) => !released.has(each))
      if (digests.length === 0) continue
      const fresh = await metadata.write((query) =>
        releaseManifests(query, { repositoryId, root: root.digest, digests, isCollected }),
      )
      for (const each of fresh) released.add(each)
      waiting.push(...fresh)
    }
    await rest.after(0)
  }
}

async function* partsOf({ read }: Metadata, parent: DependentsOf): AsyncGenerator<readonly Digest[]> {
  for (const list of DEPENDENTS) {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const { digests, next } = await list(read, parent, after, AT_ONCE)
      if (digests.length > 0) yield digests
      after = next
    }
  }
}
