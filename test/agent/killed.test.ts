import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { DockerProxy } from '../support/docker-proxy.ts'
import { someOf } from '../support/effort.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000
/** Pull, tag, create, stop, two names, start, remove; going back takes the same ones again. More than there are find none left. */
const CALLS = Array.from({ length: 14 }, (_, count) => count + 1)

const CASES = ['stop-first', 'start-first'].flatMap((strategy) => ['is well', 'ends'].map((text) => ({ strategy, text })))

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'an agent that is killed', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test.each(
    someOf(
      'agent is killed',
      CASES.flatMap((which) => CALLS.map((call) => ({ ...which, call }))),
      2,
    ),
  )(
    'after call $call to Docker, $strategy, while the new image $text, leaves to the next run one container that runs, named as before',
    async ({ strategy, text, call }) => {
      const name = `killed-${crypto.randomUUID()}:v1`
      await lab.push(name, 'the first')
      const labels = ['--label', 'berth.deploy=true', '--label', `berth.strategy=${strategy}`, '--label', 'berth.settle=300ms']
      const words = ['--name', 'app', '--restart', 'on-failure', '--stop-signal', 'KILL', ...labels]
      await lab.daemon.docker('run', '--detach', ...words, lab.name(name))
      await lab.push(name, text)
      await using proxy = new DockerProxy(lab.folder.join(`${crypto.randomUUID().slice(0, 8)}.sock`), lab.socket)
      await using first = lab.startAgent('--once', '--docker', proxy.socket)
      const { promise: isKilled, resolve } = Promise.withResolvers<void>()
      proxy.onChange = async (count) => {
        if (count !== call) return
        await first.kill()
        resolve()
      }
      await Promise.race([isKilled, first.exited])

      await lab.agent('--once')
      const afterwards = await lab.containers()
      await lab.agent('--once')

      expect({ afterwards, calls: proxy.calls }).toEqual({ afterwards: ['app running'], calls: proxy.calls })
      expect(await lab.containers()).toEqual(['app running'])
      expect(await lab.answer('app')).toBe(text === 'is well' ? 'is well' : 'the first')
      await lab.daemon.docker('rm', '--force', 'app')
    },
    TEST_MS,
  )
})
