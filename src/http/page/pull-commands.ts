import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference } from '../../oci/reference.ts'
import { referenceText, type Site } from './site.ts'
import type { Kind } from './text/artifact-words.ts'
import { type Html, html } from './text/html.ts'

type Client = 'docker' | 'podman' | 'containerd' | 'crane' | 'helm' | 'oras'

const CLIENTS: Readonly<Record<Kind['pulledBy'], readonly Client[]>> = {
  'container clients': ['docker', 'podman', 'containerd', 'crane'],
  helm: ['helm', 'oras'],
  'artifact clients': ['oras', 'crane'],
}

export interface Pulled {
  readonly repository: RepositoryName
  readonly references: readonly Reference[]
  readonly pulledBy: Kind['pulledBy']
}

/** How each client pulls it, by all of these references, at the address that the browser used. One client at a time is shown. */
export function pullCommands(site: Site, { repository, references, pulledBy }: Pulled): Html {
  const clients = CLIENTS[pulledBy]
  const choices = clients.map(
    (client, place) =>
      html`<input type="radio" name="client" value="${client}" id="client-${client}" class="${client}-choice" ${place === 0 && html`checked`}><label for="client-${client}">${client}</label>`,
  )
  const lines = clients.flatMap((client) =>
    references.map((reference) => {
      const image = `${site.host}/${referenceText(repository, reference)}`
      return command(pullCommand(client, site, { repository, reference, image, pulledBy }), client, image)
    }),
  )
  return html`<fieldset class="commands"><legend>Pull with</legend>${choices}${lines}</fieldset>`
}

/** A line to be copied. `image`: the part of it that names an image. */
export function command(text: string, kind = '', image: string | undefined = undefined): Html {
  const name = image === undefined ? undefined : html` data-reference="${image}"`
  return html`<div class="command ${kind}"${name}><code>${text}</code><button type="button" class="scripted" data-copy="${text}" aria-label="Copy ${text}">Copy</button></div>`
}

interface Named {
  readonly repository: RepositoryName
  readonly reference: Reference
  readonly image: string
  readonly pulledBy: Kind['pulledBy']
}

/** Clients expect HTTPS; Docker and crane make an exception for this machine by themselves. */
function pullCommand(client: Client, { isEncrypted, host }: Site, { repository, reference, image, pulledBy }: Named): string {
  const plain = (option: string) => (isEncrypted ? '' : ` ${option}`)
  switch (client) {
    case 'docker':
      return `docker pull ${image}`
    case 'podman':
      return `podman pull${plain('--tls-verify=false')} ${image}`
    case 'containerd':
      return `ctr images pull${plain('--plain-http')} ${image}`
    case 'crane': {
      const insecure = isLocal(host) ? '' : plain('--insecure')
      return pulledBy === 'container clients' ? `crane pull${insecure} ${image} image.tar` : `crane manifest${insecure} ${image}`
    }
    case 'helm':
      // A plus of a version is an underscore in its tag.
      if (isDigest(reference)) return `helm pull${plain('--plain-http')} oci://${image}`
      return `helm pull${plain('--plain-http')} oci://${host}/${repository} --version ${reference.replaceAll('_', '+')}`
    case 'oras':
      return `oras pull${plain('--plain-http')} ${image}`
  }
}

function isLocal(host: string): boolean {
  return /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host)
}
