import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { YAML } from 'bun'
import { berthProgram } from '../../src/cli/berth-program.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { environmentIn, run } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const DEPLOY = join(import.meta.dir, '../../deploy')

describeWith({ programs: ['systemd-analyze'] }, 'the systemd unit', () => {
  test('is one that systemd has nothing to say about, and leaves a program little to break', async () => {
    using folder = new TemporaryFolder()
    const environment = environmentIn(folder.join('run'))
    const text = await readFile(join(DEPLOY, 'systemd/berth.service'), 'utf8')
    // Where Berth is not installed, systemd would speak of that.
    const unit = await folder.file('berth.service', text.replaceAll('/usr/local/bin/berth', '/bin/true'))

    const verified = await run(['systemd-analyze', 'verify', unit], { environment })
    const exposed = await run(['systemd-analyze', 'security', '--offline=yes', '--threshold=20', unit], { environment })

    expect(verified).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    expect(exposed).toMatchObject({ exitCode: 0 })
  })
})

test('every command of Berth may stand after the name of the image', async () => {
  const entrypoint = await readFile(join(DEPLOY, 'image/entrypoint.sh'), 'utf8')
  const words = entrypoint.split('\n').flatMap((line) => /^ {2}([a-z*| -]+)\)/.exec(line)?.[1]?.split(' | ') ?? [])
  const commands = berthProgram().commands.map((command) => command.name())

  expect(commands.filter((name) => !words.includes(name))).toEqual([])
})

test('the configurations of the image, of the service and of the pod start Berth without a notice', async () => {
  using folder = new TemporaryFolder()
  const pod = documents(await readFile(join(DEPLOY, 'kubernetes/berth.yaml'), 'utf8')).find(({ kind }) => kind === 'ConfigMap')
  const paths = {
    image: join(DEPLOY, 'image/config.yml'),
    service: join(DEPLOY, 'systemd/config.yml'),
    pod: await folder.file('config.yml', pod?.data['config.yml'] ?? ''),
  }

  const loaded = Object.values(paths).map((path) => loadConfig({ path, environment: {} }))

  expect(loaded.map(({ notices }) => notices)).toEqual([[], [], []])
  for (const { config } of loaded) expect(config.http.listen).toEqual({ kind: 'tcp', hostname: undefined, port: 5000 })
  expect(loaded.map(({ config }) => config.storage.deletes)).toEqual([false, true, true])
})

const OF_STORE = { REGISTRY_STORAGE_S3_ACCESSKEY: 'key', REGISTRY_STORAGE_S3_SECRETKEY: 'secret' }

test('the configurations of replicas, in compose, Kubernetes and the chart, start Berth without a notice', async () => {
  using folder = new TemporaryFolder()
  const pod = documents(await readFile(join(DEPLOY, 'kubernetes/replicas.yaml'), 'utf8')).find(({ kind }) => kind === 'ConfigMap')
  const values = YAML.parse(await readFile(join(DEPLOY, 'helm/berth/values.yaml'), 'utf8')) as { readonly config: object }
  const paths = [
    join(DEPLOY, 'replicas/config.yml'),
    await folder.file('pod.yml', pod?.data['config.yml'] ?? ''),
    await folder.file('chart.yml', YAML.stringify(values.config)),
  ]

  const loaded = paths.map((path) => loadConfig({ path, environment: OF_STORE }))

  expect(loaded.map(({ notices }) => notices)).toEqual([[], [], []])
  for (const { config } of loaded)
    expect(config.metadata.postgres).toMatchObject({ host: 'postgres', passwordFile: expect.stringMatching(/^\/run\/secrets\//) })
})

/** Docker's plugin, by the name that scripts/test-stores.sh gives it. */
const COMPOSE = 'docker-compose-2'

describeWith({ programs: [COMPOSE] }, 'the compose file of replicas', () => {
  test('is one that compose takes, with three replicas that differ in nothing', async () => {
    using folder = new TemporaryFolder()
    const environment = { ...environmentIn(folder.path), STORE_ACCESS_KEY: 'key', STORE_SECRET_KEY: 'secret' }
    const file = join(DEPLOY, 'replicas/compose.yml')

    const outcome = await run([COMPOSE, '--file', file, 'config', '--format', 'json'], { environment })

    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
    const { services } = JSON.parse(outcome.stdout) as { readonly services: Readonly<Record<string, object>> }
    expect(Object.keys(services).sort()).toEqual(['balancer', 'berth-1', 'berth-2', 'berth-3', 'bucket', 'postgres', 'store'])
    expect([services['berth-2'], services['berth-3']]).toEqual([services['berth-1'], services['berth-1']])
    const without = await run([COMPOSE, '--file', file, 'config', '--quiet'], { environment: environmentIn(folder.path) })
    // Of two that are missing it names either.
    expect(without.stderr).toMatch(/required variable STORE_(?:ACCESS|SECRET)_KEY is missing a value/)
  })
})

interface Manifest {
  readonly kind: string
  readonly data: Readonly<Record<string, string>>
}

function documents(text: string): readonly Manifest[] {
  return YAML.parse(text) as readonly Manifest[]
}
