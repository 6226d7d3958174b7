import { afterAll, beforeAll, expect, test } from 'bun:test'
import { isDeepStrictEqual } from 'node:util'
import { Engine } from '../../src/agent/docker/engine.ts'
import { EngineCalls } from '../../src/agent/docker/engine-calls.ts'
import { successorSettings } from '../../src/agent/settings/successor-settings.ts'
import { AgentLab, type Inspected } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import {
  COMMANDS,
  CONTAINERS,
  FIELDS,
  IN_NETWORKS,
  NEVER_SET,
  NEVER_STARTED,
  WITH_VOLUMES,
  type Words,
} from '../support/docker-run-options.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000

/** What every container here has. */
const COMMON = ['--label', 'berth.deploy=true', '--label', 'berth.settle=100ms', '--stop-signal', 'KILL']

describeWith(
  { programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true },
  'a container that berth agent replaces',
  () => {
    const resources = new AsyncDisposableStack()
    let lab: AgentLab

    beforeAll(async () => {
      lab = resources.use(await AgentLab.start())
      await lab.daemon.docker('network', 'create', '--subnet', '10.77.0.0/24', 'front')
      await lab.daemon.docker('network', 'create', '--subnet', '10.78.0.0/24', 'back')
      await lab.push('matrix:old', 'old', ...imageWords('1'))
      await lab.push('matrix:v1', 'old', ...imageWords('1'))
      await start('run', 'lender', ['--label', 'berth.deploy=false', '--volume', '/lent', '--ipc', 'shareable'], [], 'matrix:old')
      await start('run', 'linked', ['--label', 'berth.deploy=false', '--network', 'front'], [], 'matrix:old')
    }, TEST_MS)
    afterAll(async () => await resources.disposeAsync(), TEST_MS)

    test(
      'is what docker run would have made of the new image, field by field',
      async () => {
        const titles = Object.keys(CONTAINERS)
        const names = titles.map((title) => [nameOf(title), title] as const)
        for (const [name, title] of names) await start('run', name, CONTAINERS[title], COMMANDS[title])
        await connect(nameOf(IN_NETWORKS))
        await writeIntoVolumes()
        const before = new Map<string, Inspected>()
        for (const [name] of names) before.set(name, await lab.inspect(name))

        await lab.push('matrix:v1', 'new', ...imageWords('2'), '--port', '8082', '--cmd', '["word"]')
        const { exitCode, stderr } = await lab.agent('--once')

        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) })
        await lab.daemon.docker('pull', '--quiet', lab.name('matrix:v1'))
        for (const [name, title] of names) {
          const replaced = await lab.inspect(name)
          await start('create', `reference-${name}`, CONTAINERS[title], COMMANDS[title])
          if (title === IN_NETWORKS) await connect(`reference-${name}`)
          const reference = await lab.inspect(`reference-${name}`)
          expect({ name, stderr, isNew: replaced.Id !== before.get(name).Id }).toEqual({ name, stderr, isNew: true })
          expect({ name, ...shownOf(replaced) }).toEqual({ name, ...shownOf(reference) })
          expect(volumesOf(replaced)).toEqual(volumesOf(before.get(name)))
        }
        expect(await readFromVolumes()).toBe('1\n2\n3\n')
      },
      TEST_MS,
    )

    async function start(
      how: 'run' | 'create',
      name: string,
      options: Words = [],
      command: Words = [],
      image = 'matrix:v1',
    ): Promise<void> {
      const words = how === 'run' ? ['run', '--detach'] : ['create']
      await lab.daemon.docker(...words, '--name', name, ...COMMON, ...options, lab.name(image), ...command)
    }

    async function connect(name: string): Promise<void> {
      await lab.daemon.docker('network', 'connect', '--ip', '10.78.0.9', '--alias', 'behind', 'back', name)
    }

    test.each(Object.entries(NEVER_STARTED))(
      '%s is made as docker create makes it',
      async (title, options) => {
        const [original, copy, reference] = ['original', 'copy', 'reference'].map((kind) => `${nameOf(title)}-${kind}`) as [
          string,
          string,
          string,
        ]
        await start('create', original, options, [], 'matrix:old')
        await start('create', reference, options, [], 'matrix:old')
        const docker = new Engine(new EngineCalls(lab.socket), AbortSignal.timeout(TEST_MS))
        const of = await docker.findContainer(original)
        if (of === undefined) throw new Error(`there is no ${original}`)
        const oldImage = await docker.findImage(of.imageId)

        await docker.createContainer({
          name: copy,
          settings: successorSettings({ of, oldImage, image: of.image, labels: {} }),
          platform: undefined,
        })

        expect(shownOf(await lab.inspect(copy))).toEqual(shownOf(await lab.inspect(reference)))
      },
      TEST_MS,
    )

    test(
      'has, in one of these cases, each field that the create call takes',
      async () => {
        const cases = Object.entries({ ...CONTAINERS, ...NEVER_STARTED })
        const made = cases.map(([title]) => `fields-${nameOf(title)}`)
        await lab.daemon.docker('create', '--name', 'plain', lab.name('matrix:old'))
        for (const [place, [title, options]] of cases.entries())
          await start('create', made[place] ?? '', options, COMMANDS[title], 'matrix:old')
        const plain = fieldsOf(await lab.inspect('plain'))
        const all = await Promise.all(made.map(async (name) => fieldsOf(await lab.inspect(name))))

        const never = FIELDS.filter((field) => all.every((fields) => isDeepStrictEqual(fields[field], plain[field])))

        expect(never.filter((field) => NEVER_SET[field] === undefined)).toEqual([])
      },
      TEST_MS,
    )

    async function readFromVolumes(): Promise<string> {
      const files = ['/anonymous/kept', '/mounted/kept', '/lent/kept']
      return await lab.daemon.docker('exec', nameOf(WITH_VOLUMES), 'busybox', 'cat', ...files)
    }

    async function writeIntoVolumes(): Promise<void> {
      const script = 'echo 1 > /anonymous/kept; echo 2 > /mounted/kept'
      await lab.daemon.docker('exec', nameOf(WITH_VOLUMES), '/bin/sh', '-c', script)
      await lab.daemon.docker('exec', 'lender', '/bin/sh', '-c', 'echo 3 > /lent/kept')
    }
  },
)

function nameOf(title: string): string {
  return title.replaceAll(' ', '-')
}

function imageWords(version: string): Words {
  const environment = ['--env', `VERSION=${version}`, '--env', 'COLOUR=blue']
  return ['--label', `version=${version}`, ...environment, '--port', '8080', '--workdir', '/srv', '--user', '0']
}

function fieldsOf({ Config, HostConfig }: Inspected): Readonly<Record<string, unknown>> {
  return { ...Config, ...HostConfig }
}

/** All that the create call takes, without what is chosen anew for each container. */
function shownOf({ Id, Config, HostConfig, NetworkSettings, Path, Args, Mounts }: Inspected) {
  // `docker create` without --detach would attach what `docker run --detach` does not.
  const {
    Env,
    Hostname,
    Image: _,
    Labels,
    AttachStdin: __,
    AttachStdout: ___,
    AttachStderr: ____,
    StdinOnce: _____,
    ...config
  } = Config
  const notes = Object.entries(Labels).filter(([name]) => !name.startsWith('berth.agent.'))
  const networks = Object.entries(NetworkSettings.Networks as Record<string, Inspected>).map(
    ([name, { IPAMConfig, Links, Aliases, DriverOpts }]) => ({
      ...{ name, IPAMConfig, Links, DriverOpts: DriverOpts ?? {} },
      Aliases: (Aliases ?? []).filter((alias: string) => !Id.startsWith(alias) && alias !== Config.Hostname),
    }),
  )
  const { Binds, Mounts: mounts, Links, ContainerIDFile: ______, ...hostConfig } = HostConfig
  return {
    ...{ Path, Args, networks, hostConfig },
    config: {
      ...config,
      // Docker's client puts its --env options through a map of Go, so each call of it sends them in another order.
      Env: (Env ?? []).toSorted(),
      Hostname: Id.startsWith(Hostname) ? 'its id' : Hostname,
      Labels: Object.fromEntries(notes),
    },
    // Volumes without a name are named by their ids from then on.
    binds: Binds?.filter((bind: string) => !/^[0-9a-f]{64}:/.test(bind)).toSorted(),
    mounts: mounts?.map(({ Source, ...mount }: Inspected) => ({
      ...mount,
      Source: /^[0-9a-f]{64}$/.test(Source) ? undefined : Source,
    })),
    links: Links?.map((link: string) => link.replace(/:\/.*\//, ':')),
    places: Mounts.map(({ Destination, Type, Mode, RW }: Inspected) => ({
      Destination,
      Type,
      Mode: Type === 'bind' ? Mode : '',
      RW,
    })).sort((one: Inspected, other: Inspected) => (one.Destination < other.Destination ? -1 : 1)),
  }
}

function volumesOf({ Mounts }: Inspected): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Mounts.filter(({ Type }: Inspected) => Type === 'volume').map(({ Destination, Name }: Inspected) => [Destination, Name]),
  )
}
