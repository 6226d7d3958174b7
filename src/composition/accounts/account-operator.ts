import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Accounts } from '../../access/accounts/accounts.ts'
import type { Config } from '../../config/config.ts'
import { accountTurns } from '../../opening/account-turns.ts'
import { openStorage } from '../../opening/open-storage.ts'
import { undefinedIfMissing } from '../../runtime/error-code.ts'
import { StartError, startErrorOf } from '../start-error.ts'

/** The accounts of the storage that the configuration names, for one command. Throws StartError. */
export async function operateAccounts<Result>(config: Config, operate: (accounts: Accounts) => Promise<Result>): Promise<Result> {
  const { driver } = config.storage
  if (driver.kind === 'inmemory') {
    throw new StartError('A storage in memory is gone with its server, and so no command can keep accounts in it.')
  }
  try {
    if (driver.kind === 'filesystem') await becomeOwnerOf(join(driver.rootDirectory, 'berth'))
    const opened = await openStorage(config, undefined)
    if (driver.kind !== 'filesystem') await becomeOwnerOf(dirname(opened.runDirectory))
    try {
      return await operate(new Accounts(opened.objects, accountTurns(config, opened.runDirectory).exclusively))
    } finally {
      await opened.cleanUp()
    }
  } catch (error) {
    throw startErrorOf(error)
  }
}

/** What root writes for a server that another user runs, that user must be able to read. */
async function becomeOwnerOf(directory: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const owner = await findOwner(directory)
  if (owner === undefined || owner.uid === 0) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

async function findOwner(directory: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  return await stat(directory).catch(undefinedIfMissing)
}
