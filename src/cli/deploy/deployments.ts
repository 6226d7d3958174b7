import { type FoundDeployments, forgetHost, readDeployments } from '../../operating/deployments/deployments.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { explained, quietLog, writeLine } from '../retention/command-work.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'

export interface DeploymentsFlags {
  readonly config?: string
  readonly json?: boolean
}

/** Prints what runs where, a line for each container. Throws CommandError. */
export async function listDeployments({ config: path, json = false }: DeploymentsFlags): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(path)
  const work = () => readDeployments(config, quietLog(config), endOnSignal())
  const found = await explained(config, 'no deployments', work)
  if (json) writeLine(JSON.stringify(shown(found)))
  else for (const line of linesOf(found)) writeLine(line)
  await exitWhenRead(0)
}

/** Throws CommandError. */
export async function forgetDeployments(host: string, { config: path }: DeploymentsFlags): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(path)
  await explained(config, 'failed to forget', () => forgetHost(config, quietLog(config), host, endOnSignal()))
  writeLine(`${host} is forgotten: nothing is kept for what ran there.`)
  await exitWhenRead(0)
}

function shown({ hosts, containers }: FoundDeployments) {
  return hosts.map(({ host, seenMs, reportedBy }) => ({
    ...{ host, seen: timeOf(seenMs), reportedBy },
    containers: containers
      .filter((one) => one.host === host)
      .map(({ host: _, sinceMs, ...row }) => ({ ...row, since: timeOf(sinceMs) })),
  }))
}

export function linesOf({ hosts, containers }: FoundDeployments): readonly string[] {
  if (hosts.length === 0) return ['No agent has reported.']
  return hosts.flatMap(({ host, seenMs }) => [
    `${host}, seen ${timeOf(seenMs) ?? 'never'}`,
    ...containers
      .filter((one) => one.host === host)
      .map(({ container, repository, tag, digest, state, sinceMs, wanted, problem }) => {
        const image = `${repository}${tag === null ? '' : `:${tag}`}`
        const failed = wanted === null ? '' : `; not ${wanted}${problem === null ? '' : `: ${problem}`}`
        return `  ${container}  ${image}  ${digest}  ${state} since ${timeOf(sinceMs) ?? 'an unknown time'}${failed}`
      }),
  ])
}

/** Null: not known. */
function timeOf(ms: number | null): string | null {
  return ms === null || ms === 0 ? null : new Date(ms).toISOString()
}
