import { type ClaimAlone, type ClaimOwner, findClaimOn, listClaimsAlone } from '../../metadata/claims.ts'
import { rescueLinks } from '../../metadata/collecting/links.ts'
import { adoptManifests } from '../../metadata/collecting/manifests.ts'
import {
  findRepository,
  type LinkLookup,
  lookUpLinks,
  lookUpNamedManifests,
  type NamedManifestLookup,
  type RepositoryRow,
} from '../../metadata/content.ts'
import type { Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { NameTaken } from '../writes/operations.ts'
import type { OnRescued } from './rescue.ts'

/** How often the storage is looked at for one push, while other requests change what it names. */
const MOST_LOOKS = 5

export interface NamedContent {
  readonly repository: RepositoryName
  /** The present one. */
  readonly epoch: number
  readonly named: readonly NamedDigest[]
  /** Is told inside the transaction, of which the rest may fail. */
  readonly onRescued: OnRescued | undefined
}

/**
 * Runs work that looks at content and then builds on it in a transaction; again when `findMissing` asks for another look. Throws UNAVAILABLE
 * when the content does not come to rest.
 */
export async function whileSeen<Result>(lookAndBuild: () => Promise<Result>): Promise<Result> {
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    try {
      return await lookAndBuild()
    } catch (error) {
      if (!(error instanceof NotSeen)) throw error
    }
  }
  throw unavailable('What this request names is being changed by other requests; try again in a moment.')
}

/**
 * Inside the claiming transaction of what builds on content: which of it is not there (docs/orders-of-writing.md, rule 2). 'There' is what a row of
 * this epoch says, never a missing one. Content that another operation is about to remove, or has yet to bring, is waited for by a NameTaken. `row` is
 * that of the repository, where there was something to look for.
 */
export async function findMissing(
  query: Query,
  { repository, epoch, named, onRescued }: NamedContent,
): Promise<{ readonly missing: readonly Digest[]; readonly row: RepositoryRow | undefined }> {
  if (named.length === 0) return { missing: [], row: undefined }
  const digests = named.map(({ digest }) => digest)
  const children = named.flatMap(({ digest, isChild }) => (isChild ? [digest] : []))
  const [row, taken, links, manifests] = await Promise.all([
    findRepository(query, repository),
    listClaimsAlone(query, repository),
    lookUpLinks(query, repository, digests),
    lookUpNamedManifests(query, repository, children),
  ])
  if (row === undefined) throw new NotSeen()
  const look = new RowLook({ links, manifests, isScanned: row.scannedEpoch === epoch, epoch })
  const missing: Digest[] = []
  for (const { digest, isChild } of named) {
    const found = look.find(digest)
    const alone = found && taken.find((claim) => found[claim.kind] === claim.digest)
    const other = found === undefined ? await findBringing(query, { repository, digest, isChild }) : alone
    if (other !== undefined) throw new NameTaken(other)
    if (found !== undefined) continue
    if (!look.isCertain) throw new NotSeen()
    missing.push(digest)
  }
  await look.keepFound(query, row.id, onRescued)
  return { missing, row }
}

/** Thrown inside the claiming transaction to roll it back: only the storage can tell whether the content is there. */
class NotSeen extends Error {}

interface NamedDigest {
  readonly digest: Digest
  /** A child of an image index may be a manifest or, as BuildKit's cache does, a blob. */
  readonly isChild: boolean
}

/** What must not be removed for the content to stay: a manifest, or a link with its blob. */
type Found = Readonly<Partial<Record<ClaimAlone['kind'], Digest>>>

/** An operation that is bringing the content, or was when it died. */
async function findBringing(
  query: Query,
  { repository, digest, isChild }: NamedDigest & { readonly repository: RepositoryName },
): Promise<ClaimOwner | undefined> {
  const onLink = await findClaimOn(query, { kind: 'link', repository, digest })
  return onLink ?? (isChild ? await findClaimOn(query, { kind: 'manifest', repository, digest }) : undefined)
}

interface LookedUp {
  readonly links: ReadonlyMap<Digest, LinkLookup>
  /** Of children alone. */
  readonly manifests: ReadonlyMap<Digest, NamedManifestLookup>
  /** Everything in the repository was seen in this epoch: what has no row is not there. */
  readonly isScanned: boolean
  readonly epoch: number
}

/** Looks at the rows of one repository. */
class RowLook {
  /** Whether the rows that the last look did not find, or not believe, tell that nothing is there. */
  isCertain = true
  /** Found, though they were about to go. */
  readonly #manifests: Digest[] = []
  #condemnedManifests = 0
  readonly #links: Digest[] = []
  readonly #rows: LookedUp

  constructor(rows: LookedUp) {
    this.#rows = rows
  }

  find(digest: Digest): Found | undefined {
    const { links, manifests } = this.#rows
    this.isCertain = true
    const manifest = manifests.get(digest)
    if (manifest !== undefined && this.#isSeen(manifest.epoch) && manifest.held === 1) {
      if (manifest.released === 1 || manifest.condemnedMs !== null) this.#manifests.push(digest)
      if (manifest.condemnedMs !== null) this.#condemnedManifests += 1
      return { manifest: digest }
    }
    const link = links.get(digest)
    if (link !== undefined && this.#isSeen(link.linkEpoch) && link.target !== null) {
      if (link.condemnedMs !== null) this.#links.push(digest)
      return { link: digest, blob: link.target }
    }
    return undefined
  }

  /** What was found is needed from here on: condemned or released it is no more. */
  async keepFound(query: Query, repositoryId: number, onRescued: OnRescued | undefined): Promise<void> {
    if (this.#manifests.length > 0) await adoptManifests(query, repositoryId, this.#manifests)
    if (this.#links.length > 0) await rescueLinks(query, repositoryId, this.#links)
    if (this.#condemnedManifests > 0) onRescued?.('manifests', this.#condemnedManifests)
    if (this.#links.length > 0) onRescued?.('links', this.#links.length)
  }

  #isSeen(rowEpoch: number | null): boolean {
    const isSeen = this.#rows.isScanned || rowEpoch === this.#rows.epoch
    this.isCertain &&= isSeen
    return isSeen
  }
}
