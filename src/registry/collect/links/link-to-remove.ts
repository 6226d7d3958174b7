import type { Claim } from '../../../metadata/claims.ts'
import type { RemovableBlob } from '../../../metadata/collecting/bytes.ts'
import type { CondemnedLink } from '../../../metadata/collecting/links.ts'
import type { Digest } from '../../../oci/digest.ts'

/** A condemned link that one operation removes, and what goes with it. */
export interface LinkToRemove extends CondemnedLink {
  /** Set where it is the last link of this blob: its bytes go as well. */
  readonly blob: RemovableBlob | undefined
}

/** Each blob with the first link to it. */
export function withBlobs(links: readonly CondemnedLink[], blobs: readonly RemovableBlob[]): readonly LinkToRemove[] {
  const left = new Map(blobs.map((blob) => [blob.digest, blob]))
  return links.map((link) => {
    const blob = left.get(link.target)
    left.delete(link.target)
    return { ...link, blob }
  })
}

export function claimsOfLink({ repository, digest, blob }: LinkToRemove): readonly Claim[] {
  const link: Claim = { name: { kind: 'link', repository, digest }, alone: true }
  return blob === undefined ? [link] : [link, claimOfBytes(blob)]
}

export function claimOfBytes({ digest }: RemovableBlob): Claim {
  return { name: { kind: 'blob', digest }, alone: true }
}

export function targetsOf(links: readonly CondemnedLink[]): readonly Digest[] {
  return links.map(({ target }) => target)
}

export function blobsOf(links: readonly LinkToRemove[]): readonly RemovableBlob[] {
  return links.flatMap(({ blob }) => blob ?? [])
}
