import { z } from 'zod'
import { callerName, type Permit } from '../../../access/access.ts'
import { includesRight } from '../../../access/requirement.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { findRepositoryName } from '../../../oci/name.ts'
import { findTag } from '../../../oci/reference.ts'
import { MOST_CONTAINERS, type ReportedContainer } from '../../../registry/deployments/deployments.ts'
import { Refusal } from '../../answer/error-response.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { bodyOf } from '../accounts/accounts.ts'
import { digest, parametersIn, parsed } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import type { DeploymentHostRoute } from '../routes.ts'

/** Of a report: a host with the most containers, with long names. */
const MOST_BYTES = 1024 * 1024

export const REPORT = z.strictObject({
  containers: z
    .array(
      z.strictObject({
        container: z.string().min(1).max(255).meta({ description: 'Its name on the host.' }),
        repository: parsed(findRepositoryName, 'is no name of a repository'),
        tag: parsed(findTag, 'can be no tag').optional().meta({ description: 'By which it was named.' }),
        digest: digest.meta({ description: 'What runs: of an image, or of an image index.' }),
        state: z.enum(['created', 'running', 'paused', 'ended']),
        since: z.iso.datetime().optional().meta({ description: 'When it was started.' }),
        wanted: digest.optional().meta({ description: 'What is to run and does not.' }),
        problem: z.string().min(1).max(500).optional().meta({ description: 'Why, in a sentence.' }),
      }),
    )
    .max(MOST_CONTAINERS),
})

/** All that runs on a host, in the place of what it reported before. Throws DENIED for what the caller may not pull, and for a host of another one. */
export async function reportDeployments({ registry, request, permit, route }: Call<DeploymentHostRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  const { containers } = await bodyOf(request, REPORT, MOST_BYTES)
  const denied = containers.find((container) => !permit.may('pull', container.repository))
  if (denied !== undefined) {
    throw new RegistryError('DENIED', {
      message: `This host may report only of what it may pull, and ${denied.repository} is not of it.`,
      detail: { repository: denied.repository },
    })
  }
  const reported = containers.map(
    ({ since, ...container }): ReportedContainer => ({
      ...container,
      sinceMs: since === undefined ? undefined : Date.parse(since),
    }),
  )
  await registry.deployments.report({ host: route.host, reportedBy: callerName(permit.caller), containers: reported })
  return jsonResponse({ host: route.host, containers: reported.length })
}

/** A host that is gone: what ran there is kept for it no more. For admins, and for the account that reported. */
export async function forgetHost({ registry, permit, route }: Call<DeploymentHostRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  const known = await registry.deployments.host(route.host)
  if (known === undefined || !mayForget(permit, known.reportedBy))
    throw new Refusal('NAME_UNKNOWN', { status: 404, message: `There is no host ${route.host} that you may forget.` })
  await registry.deployments.forget(route.host)
  return jsonResponse({ host: route.host })
}

function mayForget({ accounts, catalog, caller }: Permit, reportedBy: string | null): boolean {
  if (accounts === undefined) return catalog === 'everything'
  return includesRight(accounts, 'all') || (reportedBy !== null && callerName(caller) === reportedBy)
}
