import { StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { Reference } from '../../oci/reference.ts'
import { ChangedMeanwhile } from '../../registry/content/manifest-removal.ts'
import type { Preview } from '../../registry/deleting/preview.ts'
import type { Deleted } from '../../registry/deleting/removing.ts'
import type { Going, Staying } from '../../registry/deleting/selection.ts'
import { StorageFault } from '../../storage/storage-errors.ts'
import { withContent } from '../content-registry.ts'
import { type DeletionWords, selectionOf } from './deletion-words.ts'

export type { Deleted, DeletionWords, Going, Preview, Staying }

export interface DeletionRequest {
  readonly words: DeletionWords
  readonly isForced: boolean
  /** Is told all that would go or stay, and then what that comes to; true: it is to be deleted. */
  readonly told: (found: Going | Staying) => void
  readonly onPreview: (preview: DeletionPreview) => boolean
  /** Is told what has gone, as `repository:tag` or `repository@digest`. */
  readonly onDeleted: (name: string) => void
  readonly signal: AbortSignal
}

export interface DeletionPreview extends Preview {
  /** No server runs on the storage. */
  readonly isAlone: boolean
  /** For so long what is deleted can be brought back. */
  readonly undoneWithinMs: number
}

/** Previews a deletion, and does it when it is told to, beside a server or while none runs. Undefined: nothing was deleted. Throws StartError. */
export async function deleteContent(config: Config, log: Log, request: DeletionRequest): Promise<Deleted | undefined> {
  const selection = selectionOf(request.words)
  return await withContent(config, log, request.signal, async ({ registry, policy, isAlone, signal }) => {
    const deletions = registry.changes.deletions(signal)
    return await explained(async () => {
      const preview = await deletions.preview(selection, request.told, signal)
      if (!request.onPreview({ ...preview, isAlone, undoneWithinMs: policy.graceMs })) return undefined
      if (config.storage.readOnly)
        throw new StartError(
          'storage.maintenance.readonly.enabled is true: nothing is deleted while the storage is to stay as it is.',
        )
      const { isForced, onDeleted } = request
      const told = (repository: string, reference: Reference) =>
        onDeleted(`${repository}${reference.includes(':') ? '@' : ':'}${reference}`)
      return await deletions.delete(selection, { actor: ownWork('berth delete'), isForced, ...asShown(preview), signal, told })
    })
  })
}

/** What has changed since the preview is not meant, and no tag that has come of age since. */
function asShown({ asOf, pushedBeforeMs }: Preview): Pick<Preview, 'asOf' | 'pushedBeforeMs'> {
  return { asOf, pushedBeforeMs }
}

/** What a client would hear as a code is a sentence for the operator. What the storage says is explained by the caller. */
export async function explained<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ChangedMeanwhile)
      throw new StartError('It has been pushed or tagged again since it was looked at, and stays; look again.', { cause: error })
    if (error instanceof RegistryError && !(error instanceof StorageFault))
      throw new StartError(SENTENCES[error.code] ?? error.message, { cause: error })
    throw error
  }
}

const SENTENCES: Readonly<Partial<Record<RegistryError['code'], string>>> = {
  NAME_UNKNOWN: 'There is no such repository.',
  MANIFEST_UNKNOWN: 'The repository has no such tag or manifest.',
}
