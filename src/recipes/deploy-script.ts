import { quoted } from './client-recipe.ts'

/** A container to start on a Docker host. */
export interface Deployment {
  readonly image: string
  /** In front of the image's name. */
  readonly registry: string
  readonly login: { readonly user: string; readonly password: string } | undefined
  /** A container of this name, where the options name it: the one that is there is removed first. */
  readonly replaces: string | undefined
  /** What stands behind `docker run`, in front of the image, and behind it. */
  readonly options: readonly string[]
  readonly command: readonly string[]
}

/** What pulls an image and runs it on a Docker host, as a script for a POSIX shell. The login is forgotten when it ends. */
export function deployScript({ image, registry, login, replaces, options, command }: Deployment): string {
  const words = ['docker', 'run', '--detach', '--label', 'berth.deploy=true', ...options, image, ...command]
  return `${[
    'set -eu',
    // As one word, read to its end before anything runs: what is started below would read the rest of it.
    'berth_deploy() {',
    ...(login === undefined ? [] : loginTo(registry, login)),
    `docker pull --quiet ${quoted(image)}`,
    ...(replaces === undefined ? [] : [`docker rm --force ${quoted(replaces)} >/dev/null 2>&1 || :`]),
    words.map(quoted).join(' '),
    '}',
    'berth_deploy',
  ].join('\n')}\n`
}

/** In a folder of its own, so that the login of the user who comes by ssh stays as it is. */
function loginTo(registry: string, { user, password }: { readonly user: string; readonly password: string }): string[] {
  return [
    'DOCKER_CONFIG=$(mktemp -d)',
    'export DOCKER_CONFIG',
    `trap 'rm -rf "$DOCKER_CONFIG"' EXIT`,
    `printf %s ${quoted(password)} | docker login --username ${quoted(user)} --password-stdin ${quoted(registry)} >/dev/null`,
  ]
}
