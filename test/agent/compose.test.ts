import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentLab } from '../support/agent-lab.ts'
import { DOCKER_PROGRAMS } from '../support/docker-daemon.ts'
import { someOf } from '../support/effort.ts'
import { type Outcome, PROGRAM_PATH, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 300_000
/** Docker's plugin, by the name that scripts/test-stores.sh gives it: Debian's docker-compose is another program. */
const COMPOSE = 'docker-compose-2'

const KEPT = `
    stop_signal: KILL
    labels: {berth.deploy: "true", berth.settle: 200ms}`

/** A service of each kind that compose looks at before it leaves a container alone. */
const projectOf = (image: string) => `name: shop
services:
  web:
    image: ${image}${KEPT}
    environment: {COLOUR: red}
    ports: ["8095:8080"]
    volumes: [kept:/kept, /unnamed, ./settings.txt:/settings.txt:ro]
    networks: {front: {aliases: [www], ipv4_address: 10.79.0.9}, back: {}}
    healthcheck: {test: "busybox wget -q -O- http://127.0.0.1:8080/", interval: 200ms, retries: 3}
    secrets: [key]
  many:
    image: ${image}${KEPT}
    scale: 2
  named:
    image: ${image}${KEPT}
    container_name: by-its-own-name
    network_mode: none
    init: true
volumes: {kept: {}}
networks: {front: {ipam: {config: [{subnet: 10.79.0.0/24}]}}, back: {}}
secrets: {key: {file: ./key.txt}}
`

/** Compose makes two of these of the ids of the others, so that it makes them anew whenever those are other ones. */
const sharingOf = (nameOf: (rest: string) => string) => `name: sharing
services:
  web:
    image: ${nameOf('web:v1')}${KEPT}
  side:
    image: ${nameOf('side:v1')}${KEPT}
    network_mode: service:web
    entrypoint: [busybox, sleep, 1d]
  data:
    image: ${nameOf('data:v1')}${KEPT}
    volumes: [/lent]
  borrower:
    image: ${nameOf('data:v1')}${KEPT}
    volumes_from: [data]
`

describeWith(
  { programs: [...DOCKER_PROGRAMS, 'busybox', 'nsenter', COMPOSE], root: true },
  'containers of docker compose',
  () => {
    const resources = new AsyncDisposableStack()
    let lab: AgentLab
    let shop: string
    let sharing: string

    beforeAll(async () => {
      lab = resources.use(await AgentLab.start())
      const plugins = join(lab.daemon.environment.HOME ?? '', '.docker/cli-plugins')
      await mkdir(plugins, { recursive: true })
      await symlink(Bun.which(COMPOSE, { PATH: PROGRAM_PATH }) ?? '', join(plugins, 'docker-compose'))
      shop = await lab.folder.file('shop/compose.yml', projectOf(lab.name('shop:v1')))
      sharing = await lab.folder.file(
        'sharing/compose.yml',
        sharingOf((rest) => lab.name(rest)),
      )
      await lab.folder.file('shop/settings.txt', 'settings')
      await lab.folder.file('shop/key.txt', 'key')
    }, TEST_MS)
    afterAll(async () => {
      for (const file of [shop, sharing]) await compose(file, 'down', '--volumes', '--timeout', '0').catch(() => undefined)
      await resources.disposeAsync()
    }, TEST_MS)

    async function compose(file: string, ...words: readonly string[]): Promise<Outcome> {
      const outcome = await run(['docker', 'compose', '--file', file, '--progress', 'plain', ...words], {
        environment: lab.daemon.environment,
      })
      if (outcome.exitCode !== 0) throw new Error(`compose ${words.join(' ')}\n${outcome.stdout}\n${outcome.stderr}`)
      return outcome
    }
    /** Its containers, as compose knows them. */
    async function idsInCompose(): Promise<readonly string[]> {
      return (await compose(shop, 'ps', '--all', '--quiet', '--no-trunc')).stdout.trim().split('\n').sort()
    }

    /** Each takes as long as ten others: a run tries one of them. */
    const cases: readonly (readonly [title: string, work: () => Promise<void>])[] = [
      [
        'that were replaced are what docker compose up wants: it finds nothing to do, also after an image that was taken back',
        findsNothing,
      ],
      [
        'that share the network or the volumes of another service do so with the one that took its place, each time',
        shareWithSuccessors,
      ],
    ]
    test.each(someOf('containers of docker compose', cases, 1))('%s', async (_, work) => await work(), TEST_MS)

    async function findsNothing(): Promise<void> {
      await lab.push('shop:v1', 'one')
      await compose(shop, 'up', '--detach', '--quiet-pull')
      const made = await idsInCompose()

      await lab.push('shop:v1', 'two')
      const updated = await lab.agent('--once')
      const replaced = await idsInCompose()
      const up = await compose(shop, 'up', '--detach')
      const afterUp = await idsInCompose()
      await compose(shop, 'up', '--detach', '--pull', 'always', '--quiet-pull')
      const afterPull = await idsInCompose()

      await lab.push('shop:v1', 'ends')
      const failed = await lab.agent('--once')
      await compose(shop, 'up', '--detach')
      const afterFailure = await idsInCompose()

      expect([updated.exitCode, failed.exitCode, updated.stderr]).toEqual([0, 1, expect.any(String)])
      expect([made.length, replaced.length]).toEqual([4, 4])
      expect(made.filter((id) => replaced.includes(id))).toEqual([])
      expect(up.stderr).not.toMatch(/Recreat|Created/)
      expect([afterUp, afterPull, afterFailure]).toEqual([replaced, replaced, replaced])
      expect(await lab.answer('shop-web-1')).toBe('two')
      await compose(shop, 'down', '--volumes', '--timeout', '0')
    }

    async function shareWithSuccessors(): Promise<void> {
      for (const name of ['web:v1', 'side:v1', 'data:v1']) await lab.push(name, 'one')
      await compose(sharing, 'up', '--detach', '--quiet-pull')
      await lab.daemon.docker('exec', 'sharing-data-1', '/bin/sh', '-c', 'echo lent > /lent/file')

      for (const text of ['two', 'three']) {
        for (const name of ['web:v1', 'data:v1']) await lab.push(name, text)
        const { exitCode, stderr } = await lab.agent('--once')

        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) })
        expect(await lab.answer('sharing-side-1')).toBe(text)
        expect(await lab.answer('sharing-borrower-1')).toBe(text)
        expect(await lab.daemon.docker('exec', 'sharing-borrower-1', 'busybox', 'cat', '/lent/file')).toBe('lent\n')
      }
      // What is taken back was stopped, and its network with it.
      await lab.push('web:v1', 'ends')
      const { exitCode } = await lab.agent('--once')

      expect(exitCode).toBe(1)
      expect(await lab.answer('sharing-side-1')).toBe('three')
    }
  },
)
