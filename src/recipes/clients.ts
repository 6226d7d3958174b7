import { type Access, addLines, type ClientRecipe, quoted, schemeOf, writeFile } from './client-recipe.ts'
import { docker } from './docker.ts'
import { buildkitMirrors, containerdMirrors, k3sMirrors, podmanMirrors } from './pulled-through.ts'

/** Every client that there is a recipe for, in the order in which they are shown. */
export const CLIENTS = {
  docker,
  containerd,
  podman,
  buildkit,
  k3s,
  boot2docker,
  system,
} satisfies Readonly<Record<string, (access: Access) => ClientRecipe>>

export type ClientName = keyof typeof CLIENTS
export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[]

/** Printed one by one, and only when asked for: to trust an authority for everything is a decision. */
export const ONLY_WHEN_NAMED: readonly ClientName[] = ['boot2docker', 'system']

function containerd(access: Access): ClientRecipe {
  const { registry, trust } = access
  const folder = `/etc/containerd/certs.d/${registry}`
  const scheme = schemeOf(trust)
  const host = [
    `server = "${scheme}://${registry}"`,
    '',
    `[host."${scheme}://${registry}"]`,
    '  capabilities = ["pull", "resolve", "push"]',
  ]
  const authority = trust.kind === 'authority' ? writeFile(`${folder}/ca.crt`, trust.certificate) : []
  const withAuthority = trust.kind === 'authority' ? [...host, `  ca = "${folder}/ca.crt"`] : host
  return {
    title: 'containerd (nerdctl, Kubernetes, ctr --hosts-dir /etc/containerd/certs.d)',
    isThere: 'command -v containerd && [ -d /etc/containerd ]',
    remark: 'Holds from the next pull on; Kubernetes reads the folder only when config.toml names it.',
    commands: [
      ...authority,
      ...(trust.kind === 'known' ? [] : writeFile(`${folder}/hosts.toml`, withAuthority.join('\n'))),
      ...containerdMirrors(access),
      `grep -qs '/etc/containerd/certs.d' /etc/containerd/config.toml || echo 'For Kubernetes, set config_path = "/etc/containerd/certs.d" below the registry section of /etc/containerd/config.toml and restart containerd.' >&2`,
    ],
  }
}

function podman(access: Access): ClientRecipe {
  const { registry, trust } = access
  const settings = [`# ${registry}`, '[[registry]]', `location = "${registry}"`, 'insecure = true'].join('\n')
  return {
    title: 'podman, buildah, skopeo, CRI-O',
    isThere: 'command -v podman || command -v buildah || command -v skopeo || command -v crio',
    remark: 'Holds at once.',
    commands: [
      ...(trust.kind === 'authority' ? writeFile(`/etc/containers/certs.d/${registry}/ca.crt`, trust.certificate) : []),
      ...(trust.kind === 'plain HTTP'
        ? writeFile(`/etc/containers/registries.conf.d/${registry.replaceAll(':', '-')}.conf`, settings)
        : []),
      ...podmanMirrors(access),
    ],
  }
}

function buildkit(access: Access): ClientRecipe {
  const { registry, trust } = access
  const authorityPath = `/etc/buildkit/certs/${registry}/ca.crt`
  const setting = trust.kind === 'authority' ? `  ca = ["${authorityPath}"]` : '  http = true'
  return {
    title: 'BuildKit (buildkitd, docker buildx create)',
    isThere: 'command -v buildkitd || [ -d /etc/buildkit ]',
    remark:
      'Holds after a restart of buildkitd; for buildx: docker buildx create --use --buildkitd-config /etc/buildkit/buildkitd.toml. The builder inside Docker follows Docker.',
    commands: [
      ...(trust.kind === 'authority' ? writeFile(authorityPath, trust.certificate) : []),
      ...(trust.kind === 'known' ? [] : addLines('/etc/buildkit/buildkitd.toml', `[registry."${registry}"]\n${setting}`)),
      ...buildkitMirrors(access),
    ],
  }
}

const K3S = '/etc/rancher/k3s'

function k3s(access: Access): ClientRecipe {
  const { registry, trust } = access
  const authorityPath = `${K3S}/certs/${registry}.crt`
  const configs =
    trust.kind === 'authority' ? ['configs:', `  "${registry}":`, '    tls:', `      ca_file: ${authorityPath}`] : []
  const added = [`# ${registry}`, ...k3sMirrors(access), ...configs].join('\n')
  return {
    title: 'k3s',
    isThere: `command -v k3s || [ -d ${K3S} ]`,
    remark: 'Holds after a restart of k3s or k3s-agent, which leaves containers running.',
    commands: [
      ...(trust.kind === 'authority' ? writeFile(authorityPath, trust.certificate) : []),
      // Two sections of one name are an error in YAML, and nothing on such a machine can merge them.
      `if [ -s ${K3S}/registries.yaml ] && ! grep -qxF ${quoted(`# ${registry}`)} ${K3S}/registries.yaml; then`,
      `  echo 'Add to ${K3S}/registries.yaml, which has other settings:' >&2`,
      `  cat >&2 <<'END_OF_FILE'`,
      added,
      'END_OF_FILE',
      'else',
      ...writeFile(`${K3S}/registries.yaml`, added),
      'fi',
    ],
  }
}

function boot2docker({ registry, trust }: Access): ClientRecipe {
  const isThere = '[ -d /var/lib/boot2docker ]'
  if (trust.kind !== 'authority') {
    const profile = '/var/lib/boot2docker/profile'
    return {
      title: 'boot2docker (docker-machine)',
      isThere,
      remark: 'Holds after a restart: docker-machine restart NAME, or reboot.',
      commands: trust.kind === 'known' ? [] : addLines(profile, `EXTRA_ARGS="$EXTRA_ARGS --insecure-registry=${registry}"`),
    }
  }
  return {
    title: 'boot2docker (docker-machine)',
    isThere,
    remark: 'Holds at once, and after each restart, when boot2docker takes the folder along.',
    commands: [
      ...writeFile(`/var/lib/boot2docker/certs/${registry.replaceAll(':', '-')}.pem`, trust.certificate),
      ...writeFile(`/etc/docker/certs.d/${registry}/ca.crt`, trust.certificate),
    ],
  }
}

function system({ registry, trust }: Access): ClientRecipe {
  const name = `berth-${registry.replaceAll(/[^A-Za-z0-9.-]/g, '-')}.crt`
  const debian = '/usr/local/share/ca-certificates'
  const fedora = '/etc/pki/ca-trust/source/anchors'
  const commands =
    trust.kind !== 'authority'
      ? []
      : [
          `if command -v update-ca-certificates >/dev/null; then`,
          ...writeFile(`${debian}/${name}`, trust.certificate),
          '  update-ca-certificates',
          'elif command -v update-ca-trust >/dev/null; then',
          ...writeFile(`${fedora}/${name}`, trust.certificate),
          '  update-ca-trust',
          'elif command -v security >/dev/null; then',
          ...writeFile(`/tmp/${name}`, trust.certificate),
          `  security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain /tmp/${name}`,
          'else',
          `  echo 'This system keeps its authorities in a place of its own; on Windows: certutil -addstore -f Root ca.crt' >&2`,
          '  exit 1',
          'fi',
        ]
  return {
    title: 'The whole system (curl, browsers, Go programs; macOS and Linux)',
    isThere: 'true',
    remark:
      trust.kind !== 'authority'
        ? `Nothing to do: programs that are given an ${schemeOf(trust)}:// address use it.`
        : 'Every program trusts this authority, for every server. Running programs notice after a restart, the Docker daemon too.',
    commands,
  }
}
