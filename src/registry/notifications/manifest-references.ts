import { findManifestBytes } from '../../metadata/content.ts'
import type { StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** As registry:2 tells of what a manifest names. */
export interface NamedDescriptor {
  readonly mediaType?: string
  readonly size?: number
  readonly digest?: string
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** What the manifest of an event names: config and layers, or manifests. Nothing where its bytes have gone since. */
export async function referencesOf(
  { action, kind, digest }: StoredEvent,
  { metadata, storage }: { readonly metadata: Metadata; readonly storage: Pick<StorageDriver, 'readSmall'> },
): Promise<readonly NamedDescriptor[]> {
  if (kind !== 'manifest' || action === 'delete' || digest === null) return []
  const bytes = (await findManifestBytes(metadata.read, digest)) ?? (await readSmall(storage, digest))
  return bytes === undefined ? [] : namedIn(bytes)
}

/** Undefined where something else lies in its place: no manifest is so large. */
async function readSmall(storage: Pick<StorageDriver, 'readSmall'>, digest: Digest): Promise<Uint8Array | undefined> {
  try {
    return await storage.readSmall(layout.blob(digest), MAX_MANIFEST_BYTES)
  } catch (error) {
    if (error instanceof FileTooLargeError) return undefined
    throw error
  }
}

/** The bytes were a valid manifest when they were pushed; damaged ones name nothing. */
function namedIn(bytes: Uint8Array): readonly NamedDescriptor[] {
  try {
    const { config, layers, manifests } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly config?: NamedDescriptor
      readonly layers?: readonly NamedDescriptor[]
      readonly manifests?: readonly NamedDescriptor[]
    }
    const named = manifests ?? [...(config === undefined ? [] : [config]), ...(layers ?? [])]
    return named.map(
      ({ mediaType, size, digest, urls, annotations }) => ({ mediaType, size, digest, urls, annotations }) as NamedDescriptor,
    )
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}
