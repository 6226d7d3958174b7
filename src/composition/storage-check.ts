import type { Config } from '../config/config.ts'
import type { Log } from '../observe/log.ts'
import { type LoneStorage, openAlone } from '../opening/open-alone.ts'
import { openBucket } from '../opening/open-s3.ts'
import { type CheckStep, type Explain, runSteps, type StepResult } from '../storage/check-step.ts'
import { contractSteps } from '../storage/contract-check.ts'
import { explainFilesystem, filesystemSteps } from '../storage/filesystem/filesystem-check.ts'
import { KeySpace } from '../storage/s3/key-space.ts'
import { s3Steps } from '../storage/s3/s3-check.ts'
import { explainS3 } from '../storage/s3/s3-explain.ts'

/** Tries what a registry does with the storage of a configuration, also while one serves it. Leaves nothing behind. */
export async function* checkStorage(config: Config, log: Log): AsyncGenerator<StepResult, void> {
  const { first, explain } = toBeginWith(config, log)
  yield* runSteps(await databaseOf(config), () => undefined)
  let opened: LoneStorage | undefined
  const open = async () => {
    opened = await openAlone(config, log)
    return undefined
  }
  const isOver = yield* runSteps([...first, { name: 'open it as a registry does', run: open, essential: true }], explain)
  if (isOver || opened === undefined) return
  try {
    yield* runSteps([...fileSystemOf(config, opened), ...contractSteps(opened.driver)], explain)
  } finally {
    await opened.close()
  }
}

/** What an error of a configuration's storage means, and what to do; undefined when that is not known. */
export function explainStorage({ storage: { driver } }: Config, error: unknown): string | undefined {
  if (driver.kind !== 's3') return explainFilesystem(error)
  return explainS3(error, openBucket(driver, undefined).settings, 'what the registry does')
}

/** An object store is asked for one thing after the other, before a driver makes many requests of one call. */
function toBeginWith(config: Config, log: Log): { readonly first: readonly CheckStep[]; readonly explain: Explain } {
  const { driver } = config.storage
  if (driver.kind !== 's3') return { first: [], explain: explainFilesystem }
  const { settings, bucket } = openBucket(driver, log)
  const first = s3Steps({ settings, bucket, keys: new KeySpace(settings.rootDirectory), redirects: driver.redirects })
  return { first, explain: (error) => explainStorage(config, error) }
}

async function databaseOf({ metadata: { postgres } }: Config): Promise<readonly CheckStep[]> {
  if (postgres === undefined) return []
  const { postgresSteps } = await import('../opening/postgres-check.ts')
  return postgresSteps(postgres)
}

function fileSystemOf(config: Config, { driver: opened }: LoneStorage): readonly CheckStep[] {
  const { driver } = config.storage
  return driver.kind === 'filesystem' ? filesystemSteps(driver.rootDirectory, opened) : []
}
