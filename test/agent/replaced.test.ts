import { afterAll, beforeAll, expect, test } from 'bun:test'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { poll } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 120_000
/** httpd as the first process of a container does not hear SIGTERM. */
const QUICK = ['--label', 'berth.deploy=true', '--label', 'berth.settle=500ms', '--stop-signal', 'KILL']

describeWith({ programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter'], root: true }, 'containers that berth agent keeps', () => {
  const resources = new AsyncDisposableStack()
  let lab: AgentLab

  beforeAll(async () => {
    lab = resources.use(await AgentLab.start())
  }, TEST_MS)
  afterAll(async () => await resources.disposeAsync(), TEST_MS)

  async function run(name: string, image: string, ...words: readonly string[]): Promise<string> {
    return (await lab.daemon.docker('run', '--detach', '--name', name, ...QUICK, ...words, lab.name(image))).trim()
  }

  test(
    'run the image that was pushed, and what fails is taken back and not tried again',
    async () => {
      await lab.push('app:v1', 'one well')
      const health = [
        '--health-cmd',
        'busybox wget -q -O- http://127.0.0.1:8080/ | busybox grep well',
        '--health-interval',
        '200ms',
      ]
      await run('app', 'app:v1', '--publish', '8081:8080', ...health, '--health-retries', '2')
      await using agent = lab.startAgent('--interval', '200ms')

      await lab.push('app:v1', 'two well')
      await poll(
        'the second version answers',
        TEST_MS,
        async () => ((await tryAnswer('app')) === 'two well' ? true : undefined),
        100,
      )
      await agent.waitForOutput(/msg="container replaced".*container=app/, TEST_MS)
      const second = await lab.inspect('app')
      await lab.push('app:v1', 'three is ill')
      await agent.waitForOutput(/msg="container not replaced".*problem="the health check of the new container fails/, TEST_MS)
      await poll(
        'the second version answers again',
        TEST_MS,
        async () => ((await tryAnswer('app')) === 'two well' ? true : undefined),
        100,
      )
      await lab.push('other:v1', 'another well')
      await run('other', 'other:v1')
      await lab.push('other:v1', 'another is new')
      await agent.waitForOutput(/msg="container replaced".*container=other/, TEST_MS)

      expect(await lab.containers()).toEqual(['app running', 'other running'])
      expect((await lab.inspect('app')).Id).toBe(second.Id)
      expect((await lab.inspect(lab.name('app:v1'))).Id).toBe(second.Image)
      expect(agent.output.match(/msg="container not replaced"/g)).toHaveLength(1)
    },
    TEST_MS,
  )

  test(
    'hear of a push although they were paused at the last look, and their name stands for another image here',
    async () => {
      await lab.push('built:v1', 'one')
      await run('built', 'built:v1')
      await lab.daemon.docker('pause', 'built')
      await using agent = lab.startAgent('--interval', '1h')
      await agent.waitForOutput(/msg="listening for pushes"/, TEST_MS)
      await poll('the registry is told that it is paused', TEST_MS, async () =>
        /"built".*"paused"/.test(await lab.deployments()) ? true : undefined,
      )
      await lab.daemon.docker('pull', lab.name('base:v1'))
      await lab.daemon.docker('tag', lab.name('base:v1'), lab.name('built:v1'))
      await lab.daemon.docker('unpause', 'built')

      await lab.push('built:v1', 'two')

      await agent.waitForOutput(/msg="container replaced".*container=built/, TEST_MS)
      expect(await lab.answer('built')).toBe('two')
    },
    TEST_MS,
  )

  async function tryAnswer(container: string): Promise<string | undefined> {
    return await lab.answer(container).catch(() => undefined)
  }
})
