import { StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import type { DeploymentHostRow, DeploymentRow } from '../../metadata/deployments/deployments.ts'
import type { Log } from '../../observe/log.ts'
import { withContent } from '../content-registry.ts'

const AT_ONCE = 500

export interface FoundDeployments {
  /** Those on which nothing runs, too. */
  readonly hosts: readonly DeploymentHostRow[]
  readonly containers: readonly DeploymentRow[]
}

/** What runs where, as agents reported it last. Throws StartError. */
export async function readDeployments(config: Config, log: Log, signal: AbortSignal): Promise<FoundDeployments> {
  return await withContent(config, log, signal, async ({ registry: { deployments } }) => {
    const hosts: DeploymentHostRow[] = []
    for (let page = await deployments.hosts('', AT_ONCE); page.length > 0; ) {
      hosts.push(...page)
      page = page.length < AT_ONCE ? [] : await deployments.hosts(hosts.at(-1)?.host ?? '', AT_ONCE)
    }
    const containers: DeploymentRow[] = []
    for (let page = await deployments.list({ host: '', container: '' }, { limit: AT_ONCE }); page.length > 0; ) {
      containers.push(...page)
      const last = containers.at(-1)
      page = page.length < AT_ONCE || last === undefined ? [] : await deployments.list(last, { limit: AT_ONCE })
    }
    return { hosts, containers }
  })
}

/** A host that is gone for good. Throws StartError where there is none of that name. */
export async function forgetHost(config: Config, log: Log, host: string, signal: AbortSignal): Promise<void> {
  await withContent(config, log, signal, async ({ registry }) => {
    if (config.storage.readOnly)
      throw new StartError(
        'storage.maintenance.readonly.enabled is true: nothing is changed while the storage is to stay as it is.',
      )
    if (!(await registry.deployments.forget(host))) throw new StartError(`No agent has reported of a host ${host}.`)
  })
}
