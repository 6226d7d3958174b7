import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { findRepositoryName } from '../oci/name.ts'
import { withContent } from './content-registry.ts'
import { explained } from './deleting/deletion.ts'

/**
 * Describes a repository by hand; undefined: its newest image describes it again. Gives what is shown from now on. Throws StartError, also where
 * there is no such repository.
 */
export async function describe(
  config: Config,
  log: Log,
  { name, text }: { readonly name: string; readonly text: string | undefined },
  signal: AbortSignal,
): Promise<string | undefined> {
  const repository = findRepositoryName(name)
  if (repository === undefined) throw new StartError(`${JSON.stringify(name.slice(0, 300))} is no name of a repository.`)
  return await withContent(config, log, signal, async ({ registry }) => {
    if (config.storage.readOnly)
      throw new StartError(
        'storage.maintenance.readonly.enabled is true: nothing is changed while the storage is to stay as it is.',
      )
    await explained(async () => await registry.shown.repositories.require(repository))
    return await registry.remarks.describe(repository, text, undefined)
  })
}
