import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import { type Html, html } from './html.ts'
import { referenceText, type Site } from './site.ts'

const CLIENTS = ['docker', 'podman', 'containerd', 'crane'] as const
type Client = (typeof CLIENTS)[number]

/** How each client pulls an image, by all of these references, at the address that the browser used. One client at a time is shown. */
export function pullCommands(site: Site, repository: RepositoryName, references: readonly Reference[]): Html {
  const choices = CLIENTS.map(
    (client, place) =>
      html`<input type="radio" name="client" value="${client}" id="client-${client}" class="${client}-choice" ${place === 0 && html`checked`}><label for="client-${client}">${client}</label>`,
  )
  const lines = CLIENTS.flatMap((client) =>
    references.map((reference) => commandLine(client, site, `${site.host}/${referenceText(repository, reference)}`)),
  )
  return html`<fieldset class="commands"><legend>Pull with</legend>${choices}${lines}</fieldset>`
}

function commandLine(client: Client, site: Site, image: string): Html {
  return command(`${pullCommand(client, site)} ${image}${client === 'crane' ? ' image.tar' : ''}`, client, image)
}

/** A line to be copied. `image`: the part of it that names an image. */
export function command(text: string, kind = '', image: string | undefined = undefined): Html {
  const name = image === undefined ? undefined : html` data-reference="${image}"`
  return html`<div class="command ${kind}"${name}><code>${text}</code><button type="button" class="scripted" data-copy="${text}" aria-label="Copy ${text}">Copy</button></div>`
}

/** Clients expect HTTPS; Docker and crane make an exception for this machine by themselves. */
function pullCommand(client: Client, { isEncrypted, host }: Site): string {
  const isPlain = !isEncrypted
  switch (client) {
    case 'docker':
      return 'docker pull'
    case 'podman':
      return `podman pull${isPlain ? ' --tls-verify=false' : ''}`
    case 'containerd':
      return `ctr images pull${isPlain ? ' --plain-http' : ''}`
    case 'crane':
      return `crane pull${isPlain && !isLocal(host) ? ' --insecure' : ''}`
  }
}

function isLocal(host: string): boolean {
  return /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host)
}
