import { describe } from '../../operating/remarks.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { explained, quietLog, writeLine } from '../retention/command-work.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'

export interface DescribeOptions {
  readonly config?: string
  /** The newest image describes it again. */
  readonly clear?: boolean
}

/** Throws CommandError. */
export async function describeCommand(name: string, text: string | undefined, options: DescribeOptions): Promise<void> {
  const { clear = false } = options
  if ((text === undefined) !== clear)
    throw new CommandError('failed to describe: give the description, or --clear in place of it.')
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  const shown = await explained(config, 'failed to describe', () =>
    describe(config, quietLog(config), { name, text }, endOnSignal()),
  )
  writeLine(shown === undefined ? `${name} is described by its newest image.` : `${name} is described: ${shown}`)
  await exitWhenRead(0)
}
