import { type App, startApp } from '../app.ts'
import { type Config, type LoadedConfig, loadConfig } from '../config/config.ts'
import { isLoopback } from '../config/listen-address.ts'
import { createLog } from '../observe/create-log.ts'
import type { Log, LogOutput } from '../observe/log.ts'
import { standardError } from '../observe/standard-error.ts'
import { type EndReason, endOf } from './end-reason.ts'
import { ensureLargeFilePool, reExecute } from './re-execute.ts'
import { version } from './version.ts'

/** Serves until it is asked to stop, then ends the process. Throws ConfigError or StartError when it cannot begin. */
export async function serve(configPath: string | undefined): Promise<void> {
  ensureLargeFilePool()
  const loaded = loadConfig({ path: configPath, environment: process.env })
  const output = standardError()
  try {
    await run(loaded, createLog(loaded.config.log, output), output)
  } finally {
    output.flush()
  }
}

async function run(loaded: LoadedConfig, log: Log, output: LogOutput): Promise<void> {
  const { config, notices } = loaded
  const end = endOf(log, output)
  for (const notice of notices) log.warn('configuration notice', { notice })
  const app = await startApp(config, log)
  announce(loaded, app, log)
  await stop(await end.reason(app.failed), { app, config, log, output })
}

/** The log line is for whoever reads logs; the sentences are for the person who tries Berth without a configuration. */
function announce({ config, path }: LoadedConfig, app: App, log: Log): void {
  const { driver } = config.storage
  const storage = driver.kind === 'filesystem' ? driver.rootDirectory : 'memory'
  log.info('listening', { url: app.url, storage, version, ...(path === undefined ? {} : { config: path }) })
  if (path !== undefined) return
  process.stdout.write(`Berth ${version} serves ${app.url} and keeps its data in ${storage}.\n`)
  if (isLoopback(config.http.listen)) {
    process.stdout.write(
      'Only this machine can reach it; to open it to others, start it with REGISTRY_HTTP_ADDR=:5000 or a config.yml.\n',
    )
  }
}

interface Running {
  readonly app: App
  readonly config: Config
  readonly log: Log
  readonly output: LogOutput
}

async function stop(reason: EndReason, { app, config, log, output }: Running): Promise<void> {
  const timeoutMs = config.http.drainTimeoutMs
  describeEnd(reason, log)
  await app.stop({ timeoutMs })
  log.info('stopped')
  output.flush()
  if (reason.kind === 'restart') reExecute()
  process.exit(reason.kind === 'signal' ? 0 : 1)
}

function describeEnd(reason: EndReason, log: Log): void {
  switch (reason.kind) {
    case 'signal':
      log.info('stopping', { signal: reason.signal })
      return
    case 'fault':
      log.error('stopping after an unexpected failure', { error: reason.error })
      return
    case 'restart':
      log.error('restarting', { error: reason.error })
      return
  }
}
