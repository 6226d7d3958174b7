import { findRepositoryName } from '../../../../oci/name.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { deploymentsFor, findPlace } from '../../../api/deployments/deployments.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, timeOf } from '../../text/words.ts'

const ROWS = 100

type Deployment = Awaited<ReturnType<typeof deploymentsFor>>['entries'][number]

/** `GET /ui/-/deployments`: which host runs which image since when, what failed and why, as agents report it. */
export async function showDeployments(call: Call<OwnPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { query } = call.route
  const repository = findRepositoryName(query.get('in') ?? '')
  const after = findPlace(query.get('after') ?? '')
  const { entries, next } = await deploymentsFor(call, { limit: ROWS, after, repository })
  const title = repository === undefined ? 'Deployments' : `Deployments of ${repository}`
  const main = html`<h1>${title}</h1>
${entries.length === 0 ? html`<p>No host has reported what it runs. <code>berth agent</code> beside Docker does.</p>` : table(site, entries)}
${next !== null && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.own('deployments', { in: repository, after: next })}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title, main })
}

function table(site: Site, entries: readonly Deployment[]): Html {
  return html`<table class="rows"><thead><tr><th scope="col">Host</th><th scope="col">Container</th><th scope="col">Image</th><th scope="col">Digest</th><th scope="col">Since</th><th scope="col">State</th><th scope="col">Reported</th></tr></thead><tbody>${entries.map((entry) => rowOf(site, entry))}</tbody></table>`
}

function rowOf(
  site: Site,
  { host, container, repository, tag, digest, state, sinceMs, wanted, problem, seenMs }: Deployment,
): Html {
  const image = html`<a href="${site.image(repository, digest)}"><code>${repository}${tag !== null && `:${tag}`}</code></a>`
  const failed =
    problem !== null || wanted !== null
      ? html`<br><span class="danger">${wanted !== null && html`not <code title="${wanted}">${shortDigest(wanted)}</code>`}${problem !== null && html`: <bdi>${problem}</bdi>`}</span>`
      : undefined
  return html`<tr><td><bdi>${host}</bdi></td><td><bdi>${container}</bdi></td><td class="name">${image}</td><td class="digest"><code title="${digest}">${shortDigest(digest)}</code></td><td>${timeOf(sinceMs)}</td><td>${state}${failed}</td><td>${timeOf(seenMs)}</td></tr>
`
}
