import { describe, expect, test } from 'bun:test'
import { type Behaviour, type FakeContainer, FakeDocker, Killed } from '../../../test/support/fake-docker.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { plainWishes, type Strategy } from '../wishes/wishes.ts'
import { NotBegun, updateContainer, type Workshop } from './container-update.ts'
import { endUnfinished, findUnfinished } from './unfinished.ts'

const IMAGE = 'registry.example.com/app:v1'
const DEFAULTS = { all: false, scope: undefined, strategy: 'stop-first', windows: [] } as const

interface Case {
  readonly behaviour: Behaviour
  readonly strategy: Strategy
  readonly restart: string
  readonly hostPort: string | undefined
}

const CASES: readonly Case[] = (['healthy', 'unhealthy', 'ends', 'cannot start'] as const).flatMap((behaviour) =>
  (['stop-first', 'start-first'] as const).flatMap((strategy) =>
    ['no', 'unless-stopped', 'always'].flatMap((restart) =>
      [undefined, '8080'].map((hostPort) => ({ behaviour, strategy, restart, hostPort })),
    ),
  ),
)

function host({ behaviour, restart, hostPort }: Case): FakeDocker {
  const docker = new FakeDocker()
  docker.addImage('old', [IMAGE], 'healthy')
  docker.addImage('new', [], behaviour)
  docker.addContainer('app', IMAGE, { restart, hostPort, labels: { 'berth.deploy': 'true' } })
  return docker
}

/** Each run is another agent: the ones before it are dead. */
let runs = 0
function workshop(docker: FakeDocker): Workshop {
  runs += 1
  return {
    docker,
    self: { owner: `process:boot.1:${runs}:1`, containerId: undefined },
    log: new RecordedLog(),
    pause: async () => undefined,
    now: clock(),
    signal: new AbortController().signal,
  }
}

/** A second passes between two looks at it. */
function clock(): () => number {
  let ms = Date.UTC(2026, 0, 1)
  return () => {
    ms += 1000
    return ms
  }
}

async function update(docker: FakeDocker, { strategy }: Pick<Case, 'strategy'>): Promise<string | undefined> {
  const container = await docker.findContainer('app')
  const newImage = await docker.findImage('new')
  if (container === undefined || newImage === undefined) throw new Error('there is nothing to update')
  const wishes = { ...plainWishes(DEFAULTS), strategy }
  const oldImage = await docker.findImage('old')
  return await updateContainer({ container, oldImage, newImage, image: IMAGE, wishes }, workshop(docker))
}

/** The next run of an agent. */
async function recover(docker: FakeDocker): Promise<void> {
  for (const unfinished of await findUnfinished(docker, await docker.listContainers())) {
    await endUnfinished(unfinished, workshop(docker), DEFAULTS)
  }
}

/** Whether the work was cut by a kill. */
async function isKilled(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => false,
    (error: unknown) => {
      if (error instanceof Killed) return true
      throw error
    },
  )
}

function shown(docker: FakeDocker) {
  return [...docker.containers.values()].map(({ name, state }: FakeContainer) => `${name} ${state}`)
}

describe.each(CASES)('a new image that is $behaviour, $strategy, restart $restart, port $hostPort', (which) => {
  test('runs where it is well, and else what ran before does, under its name and with its tag', async () => {
    const docker = host(which)

    const problem = await update(docker, which)

    const isWell = which.behaviour === 'healthy'
    expect(problem === undefined).toBe(isWell)
    expect(shown(docker)).toEqual(['app running'])
    expect(docker.running().map(({ imageId }) => imageId)).toEqual([isWell ? 'new' : 'old'])
    expect(docker.names.get(IMAGE)).toBe(isWell ? 'new' : 'old')
  })

  test.each(['nothing else happens', 'the daemon is restarted'])(
    'killed after any call, and the next run after any of its own, while %s: one container runs, named as before',
    async (what) => {
      for (let first = 0; ; first += 1) {
        let isFirstKilled = false
        for (let second = 0; ; second += 1) {
          const docker = host(which)
          docker.killAfter = first
          isFirstKilled = await isKilled(update(docker, which))
          const hasBegun = docker.containers.size > 1
          if (what === 'the daemon is restarted' && hasBegun) docker.restart()
          docker.killAfter = first + second
          const isSecondKilled = await isKilled(recover(docker))
          docker.killAfter = Number.POSITIVE_INFINITY
          await recover(docker)

          expect({ first, second, calls: docker.calls, now: shown(docker) }).toEqual({
            first,
            second,
            calls: docker.calls,
            now: ['app running'],
          })
          if (!isSecondKilled) break
        }
        if (!isFirstKilled) break
      }
    },
  )
})

describe('what else is there', () => {
  const PLAIN: Case = { behaviour: 'healthy', strategy: 'stop-first', restart: 'no', hostPort: undefined }

  test('an update that another living agent has begun is left to it', async () => {
    const docker = host(PLAIN)
    docker.killAfter = 2
    await isKilled(update(docker, PLAIN))
    const agent = docker.addContainer('agent', IMAGE)
    const [unfinished] = await findUnfinished(docker, await docker.listContainers())
    if (unfinished === undefined) throw new Error('nothing was begun')
    docker.killAfter = Number.POSITIVE_INFINITY

    const whileAlive = await endUnfinished({ ...unfinished, owner: `container:${agent.id}` }, workshop(docker), DEFAULTS)
    await docker.stopContainer(agent.id)
    const afterwards = await endUnfinished({ ...unfinished, owner: `container:${agent.id}` }, workshop(docker), DEFAULTS)

    expect([whileAlive, afterwards]).toEqual(['left', 'the update was interrupted'])
  })

  test('a second agent that comes at the same moment begins nothing', async () => {
    const docker = host(PLAIN)
    docker.killAfter = 2
    await isKilled(update(docker, PLAIN))
    docker.killAfter = Number.POSITIVE_INFINITY

    await expect(update(docker, PLAIN)).rejects.toThrow(NotBegun)
    expect(docker.names.get(IMAGE)).toBe('new')
  })

  test('a container with --rm is never stopped before the new one is well', async () => {
    const docker = host(PLAIN)
    docker.addImage('new', [], 'unhealthy')
    const [app] = docker.containers.values()
    if (app === undefined) throw new Error('there is no container')
    docker.containers.set(app.id, { ...app, autoRemove: true })

    const problem = await update(docker, PLAIN)

    expect(problem).toContain('the health check of the new container fails: no answer')
    expect(docker.calls.filter((call) => call === 'stop app')).toEqual([])
    expect(shown(docker)).toEqual(['app running'])
  })

  test('one with --rm and a port of the host is not replaced at all', async () => {
    const docker = host(PLAIN)
    const [app] = docker.containers.values()
    if (app === undefined) throw new Error('there is no container')
    docker.containers.set(app.id, { ...app, autoRemove: true, hostPort: '80' })

    await expect(update(docker, PLAIN)).rejects.toThrow('it publishes a port of the host')
    expect(docker.calls).toEqual([])
  })

  test('a container that was made by hand while the agent was away keeps its place', async () => {
    const docker = host(PLAIN)
    docker.killAfter = 3
    await isKilled(update(docker, PLAIN))
    docker.killAfter = Number.POSITIVE_INFINITY
    for (const { id, name } of [...docker.containers.values()]) if (name === 'app') docker.containers.delete(id)
    const byHand = docker.addContainer('app', IMAGE)

    await recover(docker)

    expect([...docker.containers.keys()]).toEqual([byHand.id])
  })

  test('a container that was renamed by hand afterwards keeps that name', async () => {
    const docker = host(PLAIN)
    await update(docker, PLAIN)
    const [app] = docker.containers.values()
    await docker.renameContainer(app?.id ?? '', 'other')

    await recover(docker)

    expect(shown(docker)).toEqual(['other running'])
  })
})
