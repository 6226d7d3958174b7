import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Reference } from '../oci/reference.ts'
import { withContent } from './content-registry.ts'
import { explained } from './deleting/deletion.ts'
import { targetOf } from './deleting/deletion-words.ts'

/** Keeps a tag or a digest from being deleted. Throws StartError, also where there is no such thing. */
export async function hold(config: Config, log: Log, target: string, signal: AbortSignal): Promise<void> {
  const { repository, reference } = heldOf(target)
  await withContent(config, log, signal, async ({ registry }) => {
    requireWritable(config)
    await explained(async () => await registry.manifests.get(repository, reference))
    await registry.holding.hold(repository, reference)
  })
}

/** Lets it go. False where it was not held. Throws StartError. */
export async function unhold(config: Config, log: Log, target: string, signal: AbortSignal): Promise<boolean> {
  const { repository, reference } = heldOf(target)
  return await withContent(config, log, signal, async ({ registry }) => {
    requireWritable(config)
    return await registry.holds.unhold(repository, reference)
  })
}

function heldOf(target: string): { readonly repository: RepositoryName; readonly reference: Reference } {
  const selection = targetOf(target)
  if (selection.kind === 'tag') return { repository: selection.repository, reference: selection.tag }
  if (selection.kind === 'manifest') return { repository: selection.repository, reference: selection.digest }
  throw new StartError(
    'Name what is held: <repository>:<tag> or <repository>@<digest>; protect a whole repository by retention.protected.',
  )
}

function requireWritable({ storage }: Config): void {
  if (storage.readOnly)
    throw new StartError(
      'storage.maintenance.readonly.enabled is true: nothing is changed while the storage is to stay as it is.',
    )
}
