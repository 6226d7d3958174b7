import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { poll, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'a service of a swarm', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
    await lab.daemon.docker('swarm', 'init', '--advertise-addr', '127.0.0.1')
    resources.defer(async () => void (await lab.daemon.tryDocker('swarm', 'leave', '--force')))
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  async function answer(): Promise<string | undefined> {
    const command = [...lab.daemon.inNetwork, 'busybox', 'wget', '-q', '-O-', 'http://127.0.0.1:8080/']
    return (await runToSuccess(command, { environment: lab.environment }).catch(() => '')).trim()
  }
  const until = async (text: string) =>
    await poll(`${text} answers`, TEST_MS, async () => ((await answer()) === text ? true : undefined))
  const imageOf = async () =>
    (await lab.daemon.docker('service', 'inspect', '--format', '{{.Spec.TaskTemplate.ContainerSpec.Image}}', 'app')).trim()

  test(
    'is updated as a service when its tag moves, and taken back where the new image does not run',
    async () => {
      await lab.push('service:v1', 'the first')
      const update = [
        '--update-monitor',
        '1s',
        '--rollback-monitor',
        '1s',
        '--restart-condition',
        'none',
        '--stop-grace-period',
        '1s',
      ]
      const words = ['--name', 'app', '--network', 'host', '--label', 'berth.deploy=true', '--stop-signal', 'KILL', ...update]
      await lab.daemon.docker('service', 'create', '--detach', ...words, lab.name('service:v1'))
      await until('the first')
      const first = await imageOf()

      await lab.push('service:v1', 'the second')
      const updated = await lab.agent('--once')
      await until('the second')
      const second = await imageOf()
      await lab.push('service:v1', 'ends')
      const failed = await lab.agent('--once')
      await until('the second')

      expect([updated.exitCode, failed.exitCode]).toEqual([0, 1])
      expect(second).toStartWith(`${lab.name('service:v1')}@sha256:`)
      expect(second).not.toBe(first)
      expect(await imageOf()).toBe(second)
    },
    TEST_MS,
  )
})
