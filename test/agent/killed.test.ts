import { afterAll, beforeAll, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { someOf } from '../support/effort.ts'
import { INTERRUPTIONS, interruptUpdate } from '../support/interrupted-update.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'an agent that is killed', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test.each(someOf('agent is killed', INTERRUPTIONS, 2))(
    'after call $call to Docker, $strategy, while the new image $text, leaves to the next run one container that runs, named as before',
    async (interruption) => {
      await interruptUpdate(lab, { ...interruption, restart: 'on-failure', interrupt: (agent) => agent.kill() })
    },
    TEST_MS,
  )
})
