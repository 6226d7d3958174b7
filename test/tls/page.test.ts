import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { MACHINE_PROGRAMS, PrivateMachine } from '../support/private-machine.ts'
import { type BackgroundProgram, run, startUntil } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(180_000)

/**
 * Every command of docs/tls.md is run, in the order of the page and as it stands there: in a machine within this one, where the name of
 * the registry, /etc and port 443 are the page's.
 */
const PAGE = readFileSync(join(import.meta.dir, '../../docs/tls.md'), 'utf8')
const COMMANDS = blocks(PAGE, 'sh')
const PROGRAMS = [
  ...DOCKER_PROGRAMS,
  ...MACHINE_PROGRAMS,
  'bash',
  'curl',
  'openssl',
  'podman',
  'skopeo',
  'ssh',
  'sshd',
  'ssh-keygen',
]

describeWith({ programs: PROGRAMS, root: true }, 'docs/tls.md', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let machine: PrivateMachine
  let registry: BackgroundProgram | undefined

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    const hosts = ['10.0.0.1 registry.example.com worker-1']
    machine = resources.use(await PrivateMachine.start(folder, { addresses: ['10.0.0.1'], hosts }))
    resources.defer(async () => void (await registry?.stop()))
    const daemon = resources.use(await DockerDaemon.start(folder, { inside: machine.words }))
    await daemon.importBaseImage(folder, 'registry.example.com/team/app:1')
    const ssh = resources.use(await startSshServer(folder, machine))
    await folder.directory('work')
    await folder.file('preamble.sh', preamble(daemon))
    await machine.run(
      'sh',
      '-c',
      `mkdir -p /etc/containerd /etc/ssh/ssh_config.d /etc/berth && cp ${ssh.config} /etc/ssh/ssh_config.d/berth.conf`,
    )
    const [config = ''] = blocks(PAGE, 'yaml')
    await writeConfig(config)
  })
  afterAll(async () => await resources.disposeAsync())

  test.each(COMMANDS.map((commands) => [commands.split('\n')[0] ?? '', commands] as const))('%s …', async (_, commands) => {
    if (/\bberth serve\b/.test(commands)) {
      await registry?.stop()
      registry = await serve(commands)
      return
    }
    if (commands.includes('--cert client.cert')) await requireClientCertificates()
    if (commands.startsWith('berth doctor')) await findWellWithClientCertificate(commands)

    const outcome = await shell(commands)

    expect(outcome).toMatchObject({ exitCode: 0 })
  })

  test('shows the clients, the proxies and the sections that it says it does', () => {
    const all = COMMANDS.join('\n')
    for (const program of ['berth', 'docker', 'ctr', 'podman', 'skopeo', 'curl', 'openssl']) {
      expect(all).toMatch(new RegExp(`^${program} `, 'm'))
    }
    expect(all.match(/^berth proxy-config \w+/gm)).toHaveLength(5)
    for (const [, anchor = ''] of PAGE.matchAll(/\]\(#([a-z-]+)\)/g)) expect(anchors(PAGE)).toContain(anchor)
  })

  /** The registry asks for certificates from here on; it is a change of the configuration, and so a restart. */
  async function requireClientCertificates(): Promise<void> {
    const [config = ''] = blocks(PAGE, 'yaml')
    const [line = ''] = /^ {4}clientcas: .*$/m.exec(PAGE) ?? []
    await writeConfig(`${config.trimEnd()}\n${line}\n`)
    await registry?.stop()
    registry = await serve('berth serve /etc/berth/config.yml')
    expect((await shell('curl --silent --cacert /etc/berth/certs/ca.crt https://registry.example.com/v2/')).exitCode).not.toBe(0)
  }

  /** It still asks for certificates; after this it does not. */
  async function findWellWithClientCertificate(command: string): Promise<void> {
    const without = await shell(command)
    const shown = await shell(`${command.trimEnd()} --cert client.cert --key client.key`)
    expect(without.stdout).toContain('it wants a certificate of the client: give it with --cert and --key')
    expect(shown).toMatchObject({ exitCode: 0 })
    await writeConfig(blocks(PAGE, 'yaml')[0] ?? '')
    await registry?.stop()
    registry = await serve('berth serve /etc/berth/config.yml')
  }

  async function writeConfig(config: string): Promise<void> {
    await writeFile(folder.join('machine/etc/berth/config.yml'), config.replace('/var/lib/registry', folder.join('registry')))
  }

  async function serve(command: string): Promise<BackgroundProgram> {
    const words = [
      ...machine.words,
      'bash',
      '-c',
      `cd ${folder.join('work')} && ${command.replace('berth serve', `exec ${BERTH_PROGRAM} serve`)}`,
    ]
    const { program } = await startUntil(/msg="listening"/, 30_000, words, { environment: machine.environment })
    return program
  }

  async function shell(commands: string) {
    const script = `. ${folder.join('preamble.sh')}\ncd ${folder.join('work')}\n${commands}`
    return await run([...machine.words, 'bash', '-euo', 'pipefail', '-c', script], {
      environment: machine.environment,
      timeoutMs: 120_000,
    })
  }

  /** The programs as the page calls them, with daemons and storages of the test's own. */
  function preamble(daemon: DockerDaemon): string {
    return `
export DOCKER_HOST=${daemon.environment.DOCKER_HOST} CONTAINERD_ADDRESS=${daemon.containerdSocket} CONTAINERD_NAMESPACE=page
berth() { ${BERTH_PROGRAM} "$@"; }
ctr() { command ctr "$1" "$2" --snapshotter native "\${@:3}"; }
podman() { command podman --root ${folder.join('podman/root')} --runroot ${folder.join('podman/run')} --storage-driver vfs "$@"; }
`
  }
})

function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block)
}

/** As Git hosts make them from headings. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  )
}
