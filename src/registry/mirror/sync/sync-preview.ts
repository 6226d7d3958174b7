import type { Digest } from '../../../oci/digest.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../../oci/name.ts'
import type { Tag } from '../../../oci/reference.ts'
import { allTags, listedNames, meantNames } from '../../../upstream/carrying/registry-names.ts'
import { Retries } from '../../../upstream/carrying/retries.ts'
import type { ManifestStore } from '../../content/manifest-store.ts'
import type { SyncedMirror } from './sync-run.ts'

/** What a rule means for a tag: it is here as it is there, as another image, or not at all. */
export interface PreviewedTag {
  /** By its name here. */
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly state: 'here' | 'moved' | 'missing'
}

export interface SyncPreviewOptions {
  readonly manifests: Pick<ManifestStore, 'get'>
  readonly signal: AbortSignal
}

/** What a run of the rule would look at, and brings nothing. Throws UpstreamFailure. */
export async function* previewSync(
  { prefix, upstream, rule, isMirrored }: SyncedMirror,
  { manifests, signal }: SyncPreviewOptions,
): AsyncGenerator<PreviewedTag> {
  const names = { source: upstream, retries: new Retries(), signal }
  for await (const there of meantNames(rule.repositories, () => listedNames(names))) {
    const repository = findRepositoryName(`${prefix}/${there}`)
    if (repository === undefined || !isMirrored(there)) continue
    for (const tag of rule.tags.choose((await allTags(repository, names)) ?? [])) {
      const held = await findHeld(manifests, repository, tag)
      const found = held && (await names.retries.run(() => upstream.findTag(repository, tag, held, signal), signal))
      const state = found?.digest === held ? 'here' : 'moved'
      yield { repository, tag, state: held === undefined ? 'missing' : state }
    }
  }
}

async function findHeld(
  manifests: Pick<ManifestStore, 'get'>,
  repository: RepositoryName,
  tag: Tag,
): Promise<Digest | undefined> {
  try {
    return (await manifests.get(repository, tag)).digest
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'MANIFEST_UNKNOWN') return undefined
    throw error
  }
}
