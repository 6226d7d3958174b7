import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AccessRegistry } from '../support/access-registry.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { makeImage } from '../support/images.ts'
import { type Environment, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(180_000)

/** Every command of the section about `access` is run, in the order of the page, with the configuration that the page shows. */
const PAGE = readFileSync(join(import.meta.dir, '../../docs/access.md'), 'utf8')
const SECTION = PAGE.slice(PAGE.indexOf('## `access`'), PAGE.indexOf('## `auth.htpasswd`'))
const [CONFIG = ''] = blocks('yaml')
const COMMANDS = blocks('sh')

const PASSWORDS = { 'alice.password': 'alice-secret', 'bob.password': 'bob-secret', 'bob.new-password': 'bob-new-secret' }
const PROGRAMS = [...DOCKER_PROGRAMS, 'podman', 'skopeo', 'curl', 'jq', 'bash', 'script']

describeWith({ programs: PROGRAMS, root: true }, 'docs/access.md', () => {
  const resources = new AsyncDisposableStack()
  let registry: AccessRegistry
  let daemon: DockerDaemon

  beforeAll(async () => {
    registry = resources.use(await AccessRegistry.start({ config: CONFIG }))
    daemon = resources.use(await DockerDaemon.start(registry.folder))
    for (const [name, password] of Object.entries(PASSWORDS)) await registry.folder.file(`work/${name}`, password)
    await prepareImages()
  })
  afterAll(async () => await resources.disposeAsync())

  describe('in the order of the page', () => {
    test.each(COMMANDS.map((commands) => [titleOf(commands), commands] as const))('%s …', async (_, commands) => {
      const script = `${PREAMBLE}\n${local(commands)}`

      const outcome = await run(['bash', '-euo', 'pipefail', '-c', script], {
        environment: await environment(),
        cwd: await registry.folder.directory('work'),
        timeoutMs: 120_000,
      })

      expect(outcome).toMatchObject({ exitCode: 0 })
    })

    test('the page shows the clients that it says it does', () => {
      for (const program of ['berth', 'docker', 'podman', 'skopeo', 'ctr', 'curl']) {
        expect(COMMANDS.join('\n')).toMatch(new RegExp(`^${program} |\\$\\(${program} `, 'm'))
      }
    })

    test('what was done by the way is as the page says', async () => {
      const users = JSON.parse(await registry.berth(['user', 'list', '--json']))
      const robots = JSON.parse(await registry.berth(['token', 'list', '--json']))
      const client = registry.basic('alice', PASSWORDS['alice.password'])

      expect(users).toMatchObject([{ name: 'alice', groups: ['admins'] }])
      expect(robots).toMatchObject([{ name: 'ci', scopes: ['team/**:pull,push'] }])
      for (const name of ['team/app:1', 'team/app:2', 'team/copy:1', 'team/containerd:1', 'public/app:1']) {
        const [repository = '', tag = ''] = name.split(':')
        expect([name, (await client.headManifest(repository, tag)).status]).toEqual([name, 200])
      }
    })
  })

  /** Docker has the image that it will push; the public one is there, by somebody who is gone when the page begins. */
  async function prepareImages(): Promise<void> {
    await registry.addUser('publisher', 'publisher-secret', 'developers')
    const publisher = registry.basic('publisher', 'publisher-secret')
    const image = makeImage('public', { format: 'docker' })
    for (const blob of [image.config, ...image.layers]) await publisher.pushBlob('public/app', blob)
    await publisher.putManifest('public/app', '1', image.manifest)
    await daemon.importBaseImage(registry.folder, `${registry.address}/team/app:1`)
    await registry.berth(['user', 'remove', 'publisher'])
    await registry.berth(['group', 'remove', 'developers'])
  }

  async function environment(): Promise<Environment> {
    const { folder, address, config } = registry
    const registries = `unqualified-search-registries = []\n[[registry]]\nlocation = "${address}"\ninsecure = true\n`
    await folder.file('docker/home/.config/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}')
    return {
      ...daemon.environment,
      BERTH: BERTH_PROGRAM,
      CONTAINERD_ADDRESS: daemon.containerdSocket,
      CONTAINERD_NAMESPACE: 'berth-test',
      CONTAINERS_REGISTRIES_CONF: await folder.file('work-registries.conf', registries),
      CONTAINERS_CONF: await folder.file('work-containers.conf', '[engine]\nevents_logger = "none"\n'),
      PODMAN_ROOT: folder.join('podman'),
      REGISTRY_CONFIGURATION_PATH: config,
      REGISTRY_AUTH_FILE: folder.join('work-auth.json'),
    }
  }

  /** The page speaks of a registry with a name and a certificate; here it is one on this machine, without. */
  function local(commands: string): string {
    return commands.replaceAll('https://registry.example.com', registry.url).replaceAll('registry.example.com', registry.address)
  }
})

/** The programs as the page calls them: at a terminal, with a storage of the test's own, and over plain HTTP. */
const PREAMBLE = `
berth() {
  case "$*" in
    'user add alice') printf 'alice-secret\\nalice-secret\\n' | script --quiet --return --command "$BERTH $*" /dev/null ;;
    *) "$BERTH" "$@" ;;
  esac
}
podman() {
  command podman --root "$PODMAN_ROOT/root" --runroot "$PODMAN_ROOT/run" --storage-driver vfs "$@"
}
skopeo() {
  local words=("$1"); shift
  case "\${words[0]}" in
    copy) words+=(--src-tls-verify=false --dest-tls-verify=false) ;;
    login | list-tags | inspect) words+=(--tls-verify=false) ;;
  esac
  command skopeo "\${words[@]}" "$@"
}
ctr() {
  local words=("$1" "$2" --plain-http); shift 2
  [ "\${words[1]}" = pull ] && words+=(--snapshotter native)
  command ctr "\${words[@]}" "$@"
}
`

function blocks(language: string): string[] {
  return [...SECTION.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) => text)
}

function titleOf(commands: string): string {
  return commands.split('\n')[0]?.replace(/ +#.*/, '') ?? ''
}
