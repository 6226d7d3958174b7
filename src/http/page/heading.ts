import type { RepositoryName } from '../../oci/name.ts'
import type { Site } from './site.ts'
import { type Html, html } from './text/html.ts'

/** The name of a repository as the heading of a screen, its folders as links; `more`: what of the repository the screen is about. */
export function repositoryHeading(site: Site, repository: RepositoryName, more: Html | undefined = undefined): Html {
  const end = repository.lastIndexOf('/') + 1
  const name = repository.slice(end)
  const own = more === undefined ? name : html`<a href="${site.repository(repository)}">${name}</a>`
  return html`<h1>${folderPath(site, repository.slice(0, end))}${own}${more}</h1>`
}

/** Each folder of a path as a link: `team / app /`. */
export function folderPath(site: Site, below: string): Html {
  const parts = below.split('/').slice(0, -1)
  const links = parts.map((part, place) => {
    const folder = `${parts.slice(0, place + 1).join('/')}/`
    return html`<a href="${site.repositories({}, folder)}">${part}</a><span class="quiet">/</span>`
  })
  return html`<span class="path">${links}</span>`
}
