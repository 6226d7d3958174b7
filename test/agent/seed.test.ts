import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { triesAll } from '../support/effort.ts'
import { MACHINE_PROGRAMS, PrivateMachine } from '../support/private-machine.ts'
import { BackgroundProgram, PROGRAM_PATH, poll, run, startUntil } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 300_000
/** From the end of a push to the answer of each host; only a run that tries everything holds it, on a machine that does nothing else. */
const LIMIT_SECONDS = triesAll ? 5 : Number.POSITIVE_INFINITY
const REGISTRY = 'registry.example.com:5000'
const REGISTRY_ADDRESS = '10.63.0.92'
const HOSTS = [
  { name: 'web-1', address: '10.63.0.93', bridge: 'br1', subnet: '172.30.1.1/24' },
  { name: 'web-2', address: '10.63.0.94', bridge: 'br2', subnet: '172.30.2.1/24' },
] as const

const PAGE = readFileSync(join(import.meta.dir, '../../docs/deploy.md'), 'utf8')
const COMMANDS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block.replaceAll('\\\n', ' ').trim().split('\n'),
)

/** The section as the chapter 'Deploying your containers to Docker' has it. */
const STACK_YAML = `resolver: lts-5.2
# Generate a Docker image
image:
  container:
    # New image will be called registry-account-name/myapp - adjust as required for your registry (see step 3)
    name: ${REGISTRY}/account/myapp
    # Base it on the stack-run images
    base: fpco/stack-run
    # Include some config and static files in the image
    add:
      config: /app/config
      static: /app/static
`

const CONFIG = (folder: string, certificate: string, key: string) => `version: 0.1
storage: {filesystem: {rootdirectory: ${folder}}}
http: {addr: '${REGISTRY_ADDRESS}:5000', tls: {certificate: ${certificate}, key: ${key}}}
access:
  rules:
    - {who: ['user:alice'], repositories: ['**'], can: [pull, push, list]}
`

describeWith(
  { programs: [...DOCKER_PROGRAMS, ...MACHINE_PROGRAMS, 'ssh', 'sshd', 'ssh-keygen', 'bash', 'curl'], root: true },
  'the chapter Deploying your containers to Docker, with docs/deploy.md',
  () => {
    const resources = new AsyncDisposableStack()
    let folder: TemporaryFolder
    let machine: PrivateMachine
    let daemons: readonly DockerDaemon[]

    beforeAll(async () => {
      folder = resources.use(new TemporaryFolder())
      const addresses = [REGISTRY_ADDRESS, ...HOSTS.map(({ address }) => address)]
      const names = [`${REGISTRY_ADDRESS} registry.example.com`]
      machine = resources.use(await PrivateMachine.start(folder, { addresses, hosts: names }))
      await startRegistry()
      daemons = await Promise.all(HOSTS.map(startHost))
      await shell(`berth user add alice --password-stdin < alice.password`)
      await pushBase()
    }, TEST_MS)
    afterAll(async () => await resources.disposeAsync(), TEST_MS)

    test(
      'a program is put into an image, runs on two hosts, and each new one that is well runs in its place',
      async () => {
        await pushProgram('the first')
        for (const command of COMMANDS.filter((line) => /^berth (token create|deploy) /.test(line))) await shell(command)
        await poll('the first version answers', TEST_MS, async () =>
          (await answers()).every((text) => text === 'the first') ? true : undefined,
        )

        const agents = await Promise.all(HOSTS.map(startAgent))
        await pushProgram('the second')
        const pushedMs = performance.now()
        await poll('the second version answers', TEST_MS, async () =>
          (await answers()).every((text) => text === 'the second') ? true : undefined,
        )
        expect((performance.now() - pushedMs) / 1000).toBeLessThan(LIMIT_SECONDS)
        await Promise.all(agents.map((agent) => agent.waitForOutput(/msg="container replaced"/, TEST_MS)))

        await pushProgram('is ill')
        await Promise.all(agents.map((agent) => agent.waitForOutput(/msg="container not replaced".*the health check/, TEST_MS)))
        await poll('the second version answers again', TEST_MS, async () =>
          (await answers()).every((text) => text === 'the second') ? true : undefined,
        )

        const [show = '', forget = ''] = COMMANDS.filter((line) => line.startsWith('berth deployments'))
        const told = await poll('both hosts have reported', 60_000, async () => {
          const text = await shell(show)
          return text.match(/the health check/g)?.length === 2 ? text : undefined
        })
        expect(told.match(/^web-[12], seen /gm)).toEqual(['web-1, seen ', 'web-2, seen '])
        const rows: readonly string[] = (await page('/ui/-/deployments')).match(/<tr><td><bdi>.*<\/tr>/g) ?? []
        const failed = rows.map((row) => /<bdi>(web-\d)<\/bdi>.*running.*the health check/.exec(row)?.[1])
        expect(failed).toEqual(['web-1', 'web-2'])
        expect(await shell(forget)).toContain('web-2 is forgotten')
        for (const daemon of daemons)
          expect(await daemon.docker('ps', '--all', '--format', '{{.Names}} {{.State}}')).toBe('myapp running\n')
      },
      TEST_MS,
    )

    test('the commands of the page are these', () => {
      expect(COMMANDS.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual([
        'berth token',
        'berth deploy',
        'berth agent',
        'docker run',
        'berth deployments',
        'berth deployments',
      ])
    })

    async function startRegistry(): Promise<void> {
      await ensureCertificate({ folder: folder.join('certs'), hosts: ['registry.example.com'] })
      const { authority, certificate, key } = pathsIn(folder.join('certs'))
      await folder.file('work/ca.crt', readFileSync(authority))
      await folder.file('work/alice.password', 'correct horse battery\n')
      const config = await folder.file('config.yml', CONFIG(folder.join('data'), certificate, key))
      const command = [...machine.words, BERTH_PROGRAM, 'serve', config]
      const { program } = await startUntil(/msg="listening"/, TEST_MS, command, { environment: machine.environment })
      resources.defer(async () => void (await program.stop()))
    }

    async function startHost({ name, address, bridge, subnet }: (typeof HOSTS)[number]): Promise<DockerDaemon> {
      await machine.run(
        'sh',
        '-c',
        `busybox brctl addbr ${bridge} && busybox ip addr add ${subnet} dev ${bridge} && busybox ip link set ${bridge} up`,
      )
      const daemon = resources.use(
        await DockerDaemon.start(folder, { inside: machine.words, name, network: { bridge, address } }),
      )
      const environment = { DOCKER_HOST: daemon.environment.DOCKER_HOST ?? '' }
      const ssh: SshServer = resources.use(await startSshServer(folder, machine, { name, environment }))
      await machine.run('sh', '-c', `mkdir -p /etc/ssh/ssh_config.d && cp ${ssh.config} /etc/ssh/ssh_config.d/${name}.conf`)
      resources.defer(async () => void (await daemon.tryDocker('rm', '--force', 'myapp')))
      return daemon
    }

    /** As the page has it, at the socket of one host. */
    async function startAgent(_: unknown, place: number): Promise<BackgroundProgram> {
      const [command = ''] = COMMANDS.filter((line) => line.startsWith('berth agent '))
      const script = scriptOf(
        `export DOCKER_HOST=${daemons[place]?.environment.DOCKER_HOST}\n${command.replace(/^berth/, `exec ${BERTH_PROGRAM}`)} --host ${HOSTS[place]?.name}`,
      )
      const agent = resources.use(
        new BackgroundProgram([...machine.words, 'bash', '-c', script], { environment: machine.environment }),
      )
      await agent.waitForOutput(/msg="agent started"/, TEST_MS)
      return agent
    }

    async function pushBase(): Promise<void> {
      const busybox = Bun.which('busybox', { PATH: PROGRAM_PATH })
      const tools = ['sh', 'busybox', 'wget'].map((tool) => `--add ${busybox}:/bin/${tool}`).join(' ')
      await shell(`berth image create ${REGISTRY}/team/base:v1 ${tools} --env PATH=/usr/local/bin:/bin ${LOGIN}`)
    }

    /** What `stack build` leaves, and the page of images makes of it. */
    async function pushProgram(text: string): Promise<void> {
      const page = text === 'is ill' ? 'busybox rm -f /app/static/index.html' : `echo '${text}' > /app/static/index.html`
      const program = `#!/bin/sh\ntrap 'exit 0' TERM\n${page}\nbusybox httpd -f -p 8080 -h /app/static &\nwait\n`
      await chmod(await folder.file('work/.stack-work/install/x/y/z/bin/myapp', program), 0o755)
      await folder.file('work/config/settings.yml', 'port: 8080\n')
      await folder.file('work/static/style.css', 'body {}\n')
      await folder.file('work/stack.yaml', STACK_YAML)
      const words = `--stack stack.yaml --base ${REGISTRY}/team/base:v1 --entrypoint /usr/local/bin/myapp`
      await shell(`berth image create ${REGISTRY}/account/myapp:v1 ${words} ${LOGIN}`)
    }

    async function answers(): Promise<readonly string[]> {
      return await Promise.all(
        HOSTS.map(async ({ address }) =>
          (await machine.tryRun(['busybox', 'wget', '-q', '-O-', `http://${address}/`])).stdout.trim(),
        ),
      )
    }

    /** What a browser shows alice. */
    async function page(path: string): Promise<string> {
      const form = `-H 'Origin: https://${REGISTRY}' --data-urlencode name=alice --data-urlencode "password=$(cat alice.password)"`
      const curl = 'curl --fail --silent --show-error --cacert ca.crt --cookie-jar cookies --cookie cookies'
      await shell(`${curl} ${form} 'https://${REGISTRY}/ui/-/sign-in'`)
      return await shell(`${curl} -H 'Accept: text/html' 'https://${REGISTRY}${path}'`)
    }

    const LOGIN = '--ca ca.crt --login alice --password-stdin < alice.password'

    function scriptOf(commands: string): string {
      return `cd ${folder.join('work')}\nberth() { ${BERTH_PROGRAM} "$@"; }\nexport REGISTRY_CONFIGURATION_PATH=${folder.join('config.yml')}\n${commands}`
    }

    async function shell(commands: string): Promise<string> {
      const command = [...machine.words, 'bash', '-euo', 'pipefail', '-c', scriptOf(commands)]
      const { exitCode, stdout, stderr } = await run(command, { environment: machine.environment, timeoutMs: TEST_MS })
      if (exitCode !== 0) throw new Error(`${commands} ended with ${exitCode}\n${stdout}\n${stderr}`)
      return stdout
    }
  },
)
