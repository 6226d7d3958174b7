import { command } from '../../pull-commands.ts'
import type { Site } from '../../site.ts'
import { type Html, html } from '../../text/html.ts'

/** In place of an empty list: how something gets into it. */
export function firstPush(site: Site, seesAll: boolean): Html {
  const { host, isEncrypted, signIn } = site
  const insecure = isEncrypted ? '' : ' --tls-verify=false'
  const needsLogin = signIn.kind !== 'none'
  const docker = ['docker pull alpine', `docker tag alpine ${host}/alpine`, `docker push ${host}/alpine`]
  const login = (client: string) => (needsLogin ? [`${client} login${client === 'podman' ? insecure : ''} ${host}`] : [])
  const podman = ['podman pull docker.io/library/alpine', `podman push${insecure} alpine ${host}/alpine`]
  return html`<h1>${seesAll ? 'Nothing has been pushed yet' : 'Nothing that you may see'}</h1>
<p>A repository appears with the first image that is pushed to it. With Docker:</p>
<div class="box">${[...login('docker'), ...docker].map((line) => command(line))}</div>
<p>With podman:</p>
<div class="box">${[...login('podman'), ...podman].map((line) => command(line))}</div>
${!isEncrypted && !/^(?:localhost|127\.|\[::1\])/.test(host) && html`<p class="quiet">This page came over plain HTTP. Docker pushes there only after its configuration names ${host} in <code>insecure-registries</code>; <code>berth serve --tls self-signed</code> is the better way.</p>`}`
}
