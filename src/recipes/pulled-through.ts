import { type Access, addLines, type PulledThrough, schemeOf, writeFile } from './client-recipe.ts'

/** What makes clients pull images of other registries through one that mirrors them. They fall back to the other registry while it is away. */

export const HUB = 'docker.io'
/** Where Docker Hub's API is. */
const HUB_HOST = 'registry-1.docker.io'

/** containerd says with `ns` which registry it means, and that is enough where the prefix is that name. */
export function containerdMirrors({ registry, trust, mirrors }: Access): string[] {
  const authority = trust.kind === 'authority' ? [`  ca = "/etc/containerd/certs.d/${registry}/ca.crt"`] : []
  return mirrors.flatMap(({ name, prefix }) => {
    const path = prefix === name ? '' : `/v2/${prefix}`
    const override = prefix === name ? [] : ['  override_path = true']
    const capabilities = '  capabilities = ["pull", "resolve"]'
    const host = [`[host."${schemeOf(trust)}://${registry}${path}"]`, capabilities, ...override, ...authority]
    const lines = [`server = "https://${name === HUB ? HUB_HOST : name}"`, '', ...host]
    return writeFile(`/etc/containerd/certs.d/${name}/hosts.toml`, lines.join('\n'))
  })
}

/** podman and its kin say nothing of the sort: they ask by the prefix. */
export function podmanMirrors({ registry, trust, mirrors }: Access): string[] {
  const insecure = trust.kind === 'plain HTTP' ? ['insecure = true'] : []
  return mirrors.flatMap(({ name, prefix }) => {
    const other = ['[[registry]]', `prefix = "${name}"`, `location = "${name}"`]
    const lines = [...other, '', '[[registry.mirror]]', `location = "${registry}/${prefix}"`, ...insecure]
    return writeFile(`/etc/containers/registries.conf.d/${fileName(name)}-mirror.conf`, lines.join('\n'))
  })
}

/** BuildKit asks as containerd does. */
export function buildkitMirrors({ registry, mirrors }: Access): string[] {
  return mirrors.flatMap(({ name, prefix }) => {
    const place = prefix === name ? registry : `${registry}/${prefix}`
    return addLines('/etc/buildkit/buildkitd.toml', `[registry."${name}"]\n  mirrors = ["${place}"]`)
  })
}

/** What stands below `mirrors` in the settings of k3s, whose containerd asks as any other one. */
export function k3sMirrors({ registry, trust, mirrors }: Access): string[] {
  const itself: readonly PulledThrough[] = trust.kind === 'plain HTTP' ? [{ name: registry, prefix: registry }] : []
  const lines = [...itself, ...mirrors].flatMap(({ name, prefix }) => [
    `  "${name}":`,
    '    endpoint:',
    `      - "${schemeOf(trust)}://${registry}"`,
    ...(prefix === name ? [] : ['    rewrite:', `      "^(.*)$": "${prefix}/$1"`]),
  ])
  return lines.length === 0 ? [] : ['mirrors:', ...lines]
}

function fileName(registry: string): string {
  return registry.replaceAll(':', '-')
}
