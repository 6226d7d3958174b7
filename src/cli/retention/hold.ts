import { hold, unhold } from '../../operating/holds.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'
import { explained, quietLog, writeLine } from './command-work.ts'

export interface HoldOptions {
  readonly config?: string
}

/** Throws CommandError. */
export async function holdCommand(target: string, options: HoldOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  await explained(config, 'failed to hold', () => hold(config, quietLog(config), target, endOnSignal()))
  writeLine(`${target} is held: neither a client nor a rule deletes it until berth unhold ${target}.`)
  await exitWhenRead(0)
}

/** Throws CommandError. */
export async function unholdCommand(target: string, options: HoldOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  const wasHeld = await explained(config, 'failed to unhold', () => unhold(config, quietLog(config), target, endOnSignal()))
  writeLine(wasHeld ? `${target} is not held any more.` : `${target} was not held.`)
  await exitWhenRead(0)
}
