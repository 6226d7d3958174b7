import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { ContainersTools } from '../support/containers-tools.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { ImageLab } from '../support/image-lab.ts'
import { PROGRAM_PATH } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 120_000

describeWith({ programs: [...DOCKER_PROGRAMS, 'podman', 'busybox'], root: true }, 'images that were created', () => {
  const resources = new AsyncDisposableStack()
  let lab: ImageLab
  let daemon: DockerDaemon
  let tools: ContainersTools

  beforeAll(async () => {
    lab = resources.use(await ImageLab.start())
    daemon = resources.use(await DockerDaemon.start(lab.folder))
    tools = await ContainersTools.create(lab.folder)
    const busybox = Bun.which('busybox', { PATH: PROGRAM_PATH }) ?? ''
    await lab.berth('create', lab.name('base:v1'), '--add', `${busybox}:/bin/busybox`, '--add', `${busybox}:/bin/sh::755`)
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test.each(['gzip', 'zstd'])(
    'with %s run under Docker, podman and containerd',
    async (compression) => {
      const name = lab.name(`runs-${compression}:v1`)
      const hello = await lab.folder.file('hello', '#!/bin/sh\necho "$GREETING from $(busybox id -u)"\n')
      await chmod(hello, 0o755)
      const words = ['--env', 'GREETING=hello', '--env', 'PATH=/bin', '--user', '1000', '--entrypoint', '/usr/local/bin/hello']
      await lab.berth(
        'create',
        name,
        '--base',
        lab.name('base:v1'),
        '--add',
        `${hello}:/usr/local/bin/hello`,
        '--compression',
        compression,
        ...words,
      )

      const docker = await daemon.docker('run', '--rm', '--network=none', name)
      await tools.run('podman', 'pull', '-q', '--tls-verify=false', name)
      const podman = await tools.run('podman', 'run', '--rm', '--network=none', name)
      await daemon.ctr('image', 'pull', '--plain-http', '--snapshotter', 'native', name)
      const containerd = await daemon.ctr('run', '--rm', '--snapshotter', 'native', name, `run-${compression}`)

      expect([docker, podman, containerd]).toEqual(Array(3).fill('hello from 1000\n'))
    },
    TEST_MS,
  )

  test(
    "of the seed's stack.yaml have its programs and folders, and one image for each entry point",
    async () => {
      const project = await stackProject()

      const stack = ['--stack', `${project}/stack.yaml`, '--base', lab.name('base:v1')]
      const printed = await lab.berth('create', ...stack, '--env', 'PATH=/usr/local/bin:/bin')

      expect([...(printed.match(/^localhost:\d+\/account\/myapp(-\w+)?:latest/gm) ?? [])]).toEqual(
        ['account/myapp', 'account/myapp-server', 'account/myapp-worker'].map((name) => `${lab.name(name)}:latest`),
      )
      const run = async (name: string, ...words: readonly string[]) =>
        await daemon.docker('run', '--rm', '--network=none', lab.name(name), ...words)
      expect(await run('account/myapp-server')).toBe('server\n')
      expect(await run('account/myapp-worker')).toBe('worker\n')
      expect(
        await run(
          'account/myapp',
          '/bin/sh',
          '-c',
          'busybox cat /app/config/settings.yml /app/static/css/site.css; busybox ls /usr/local/bin',
        ),
      ).toBe('port: 3000\nbody {}\nserver\nworker\n')
      const inspected = JSON.parse(await daemon.docker('image', 'inspect', `${lab.name('account/myapp-server')}:latest`))[0]
        .Config
      expect([inspected.Entrypoint, inspected.Cmd ?? []]).toEqual([['/usr/local/bin/server'], []])
    },
    TEST_MS,
  )

  /** As the chapter has it, and as `stack build` leaves it. */
  async function stackProject(): Promise<string> {
    const bin = 'project/.stack-work/install/x86_64-linux/lts-5.2/7.10.3/bin'
    for (const program of ['server', 'worker', 'tool']) {
      await chmod(await lab.folder.file(`${bin}/${program}`, `#!/bin/sh\necho ${program}\n`), 0o755)
    }
    await lab.folder.file('project/config/settings.yml', 'port: 3000\n')
    await lab.folder.file('project/static/css/site.css', 'body {}\n')
    await lab.folder.file(
      'project/stack.yaml',
      `resolver: lts-5.2
# Generate a Docker image
image:
  container:
    name: ${lab.name('account/myapp')}
    # Base it on the stack-run images
    base: fpco/stack-run
    # Include some config and static files in the image
    add:
      config: /app/config
      static: /app/static
    entrypoints: [server, worker]
    executables: [server, worker]
`,
    )
    return lab.folder.join('project')
  }
})
