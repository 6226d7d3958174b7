import { readMirrors } from '../../operating/mirrors.ts'
import { exitWhenRead } from '../exit.ts'
import { explained, quietLog, writeLine } from '../retention/command-work.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { mirrorLines } from '../status/status-lines.ts'
import { loadServedConfig } from '../storage/served-config.ts'

/** Prints how the mirrors of a configuration are. Throws CommandError. */
export async function mirrorStatus(configPath: string | undefined, { json }: { readonly json: boolean }): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const mirrors = await explained(config, 'no status', () => readMirrors(config, quietLog(config)))
  if (json) for (const mirror of mirrors) writeLine(JSON.stringify(mirror))
  else if (mirrors.length === 0) writeLine('The configuration has no mirrors.')
  else for (const line of mirrors.flatMap(mirrorLines)) writeLine(line)
  await exitWhenRead(0)
}
