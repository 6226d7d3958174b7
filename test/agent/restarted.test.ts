import { afterAll, beforeAll, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { someOf } from '../support/effort.ts'
import { INTERRUPTIONS, interruptUpdate } from '../support/interrupted-update.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'a Docker daemon that is restarted', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  test.each(someOf('daemon is restarted', INTERRUPTIONS, 1))(
    'after call $call of an agent, $strategy, while the new image $text, leaves to the next run one container that runs, named as before',
    async (interruption) => {
      // The daemon starts what it had stopped as well as what ran.
      await interruptUpdate(lab, { ...interruption, restart: 'always', interrupt: () => lab.daemon.restart() })
    },
    TEST_MS,
  )
})
