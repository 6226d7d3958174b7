import { explainedStartError, StartError } from '../../composition/start-error.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { type RegistryStatus, readStatus } from '../../operating/status.ts'
import { CommandError } from '../command-error.ts'
import { exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { describeStorage } from '../storage/described-storage.ts'
import { loadServedConfig } from '../storage/served-config.ts'
import { statusLines } from './status-lines.ts'

/** Prints how the registry of a configuration is. Throws CommandError. */
export async function status(configPath: string | undefined, { json = false }: { readonly json?: boolean }): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  let found: RegistryStatus
  try {
    found = await readStatus(config, log)
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`no status: ${known.message}`, { cause: error })
    throw known
  }
  const where = describeStorage(config)
  const lines = json ? [JSON.stringify({ ...found, storage: { where, ...found.storage } })] : statusLines(where, found)
  process.stdout.write(`${lines.join('\n')}\n`)
  await exitWhenRead(0)
}
