import { afterAll, beforeAll, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import { AgentLab } from '../support/agent-lab.ts'
import { FAST_BERTH } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { poll } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000
/** What runs Berth, wherever this machine has it. */
const [PROGRAM = ''] = FAST_BERTH
const SOURCE = join(import.meta.dir, '../..')
const LIBRARIES = ['/usr:/usr:ro', '/usr/lib:/lib:ro', '/usr/lib64:/lib64:ro']

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'an agent that is a container', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test(
    'replaces itself when its own image is pushed, and the new one keeps what the old one kept',
    async () => {
      await lab.push('agent:v1', 'the first agent')
      await lab.push('app:v1', 'one')
      const keep = ['--label', 'berth.deploy=true', '--label', 'berth.settle=300ms', '--stop-signal', 'KILL']
      await lab.daemon.docker('run', '--detach', '--name', 'app', ...keep, lab.name('app:v1'))
      const folders = [...new Set([lab.folder.path, SOURCE, dirname(PROGRAM)])].map((path) => `${path}:${path}`)
      const volumes = [...LIBRARIES, ...folders].flatMap((volume) => ['--volume', volume])
      const words = ['agent', lab.registry.address, '--docker', lab.socket, '--interval', '500ms']
      await lab.daemon.docker(
        ...['run', '--detach', '--name', 'agent', '--network', 'host', '--restart', 'on-failure', '--tmpfs', '/tmp'],
        ...['--label', 'berth.deploy=true', '--env', 'HOME=/tmp', ...volumes, '--entrypoint', PROGRAM],
        ...[lab.name('agent:v1'), ...FAST_BERTH.slice(1), ...words],
      )
      const before = await lab.inspect('agent')

      await lab.push('agent:v1', 'the second agent')
      const after = await poll('the new agent is the only one', TEST_MS, async () => {
        const all = await lab.containers()
        const found = await lab.inspect('agent').catch(() => undefined)
        return all.length === 2 && all.includes('agent running') && found?.Id !== before.Id ? found : undefined
      })
      await lab.push('app:v1', 'two')
      await poll('the new agent has replaced the container, and removed the old one', TEST_MS, async () => {
        const isNew = (await lab.answer('app').catch(() => undefined)) === 'two'
        return (isNew && (await lab.containers()).length === 2) || undefined
      })

      expect(after.Image).toBe((await lab.inspect(lab.name('agent:v1'))).Id)
      expect(after.Image).not.toBe(before.Image)
      expect(await lab.containers()).toEqual(['agent running', 'app running'])
    },
    TEST_MS,
  )
})
