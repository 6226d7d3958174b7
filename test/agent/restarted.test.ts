import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { DockerProxy } from '../support/docker-proxy.ts'
import { someOf } from '../support/effort.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000
/** Pull, tag, create, stop, two names, start, remove; going back takes the same ones again. */
const CALLS = Array.from({ length: 14 }, (_, count) => count + 1)
const CASES = ['stop-first', 'start-first'].flatMap((strategy) => ['is well', 'ends'].map((text) => ({ strategy, text })))

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'a Docker daemon that is restarted', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test.each(
    someOf(
      'daemon is restarted',
      CASES.flatMap((which) => CALLS.map((call) => ({ ...which, call }))),
      1,
    ),
  )(
    'after call $call of an agent, $strategy, while the new image $text, leaves to the next run one container that runs, named as before',
    async ({ strategy, text, call }) => {
      const name = `restarted-${crypto.randomUUID()}:v1`
      await lab.push(name, 'the first')
      const labels = ['--label', 'berth.deploy=true', '--label', `berth.strategy=${strategy}`, '--label', 'berth.settle=300ms']
      // The daemon starts what it had stopped as well as what ran.
      const words = ['--name', 'app', '--restart', 'always', '--stop-signal', 'KILL', ...labels]
      await lab.daemon.docker('run', '--detach', ...words, lab.name(name))
      await lab.push(name, text)
      await using proxy = new DockerProxy(lab.folder.join(`${crypto.randomUUID().slice(0, 8)}.sock`), lab.socket)
      proxy.onChange = async (count) => {
        if (count === call) await lab.daemon.restart()
      }
      await using agent = lab.startAgent('--once', '--docker', proxy.socket)
      await agent.exited

      await lab.agent('--once')
      const afterwards = await lab.containers()
      await lab.agent('--once')

      const expected = text === 'is well' ? 'is well' : 'the first'
      expect({ afterwards, calls: proxy.calls }).toEqual({ afterwards: ['app running'], calls: proxy.calls })
      expect(await lab.containers()).toEqual(['app running'])
      expect(await lab.answer('app')).toBe(expected)
      await lab.daemon.docker('rm', '--force', 'app')
    },
    TEST_MS,
  )
})
