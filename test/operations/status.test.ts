import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const SOON_MS = 90_000
const RULES = `quotas: [{name: team, repositories: ['team/**'], limit: 1GB, warn: 10B}]
retention: {rules: [{repositories: ['**'], tags: ['v*'], keep: {newest: 3}}]}
`
const image = makeImage('one', { layers: 1 })
const bytes = [image.manifest, ...blobsOf(image)].reduce((sum, part) => sum + part.bytes.length, 0)
const COMMANDS = commandsIn(operationsPage('status.md'))

test('the commands of docs/operations/status.md tell of a server that runs, and of a storage without one', async () => {
  using folder = new TemporaryFolder()
  const data = folder.join('data')
  mkdirSync(join(data, 'docker/registry/v2/repositories/Other/app/_manifests'), { recursive: true })
  writeFileSync(join(data, 'docker/registry/v2/repositories/Other/app/_manifests/file'), 'of another registry')
  await using berth = await startBerth({ folder, dataDirectory: data, moreConfig: RULES })
  await pushImage(new RegistryClient(berth.url), image, 'v1', 'team/app')
  const shell = async (words: string): Promise<Outcome> => {
    const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config }
    return await run(['sh', '-c', `"$BERTH" ${words} "$CONFIG"`], { environment })
  }
  const [text = '', json = ''] = COMMANDS
  await poll('the scan is complete, and the quota counted', SOON_MS, async () => {
    const { scan, quotas } = JSON.parse((await shell(json)).stdout)
    return (scan.complete && quotas.areCounted) || undefined
  })

  const running = await shell(text)
  const plain = JSON.parse((await shell(json)).stdout)
  await berth.stop()
  const stopped = await shell(text)
  const broken = await shell(`status ${folder.join('none.yml')} #`)

  expect(COMMANDS).toHaveLength(2)
  expect(running).toMatchObject({ exitCode: 0, stderr: '' })
  expect(running.stdout.split('\n').map((line) => line.slice(0, 12).trim())).toEqual([
    ...['storage', 'room', 'database', 'processes', 'scan', 'content', 'deletes', 'collector', '', '! obstacle', 'scrub'],
    ...['retention', 'quotas', '! quota', ''],
  ])
  expect(running.stdout).toContain(
    'retention   1 rules for tags; only shown, nothing goes while retention.dryrun is true\n' +
      `quotas      1 in the configuration; team with ${bytes} bytes of 1.0 GB holds most\n` +
      `! quota     team with ${bytes} bytes of 1.0 GB is nearly full\n`,
  )
  expect(running.stdout).toMatch(
    /^processes {3}1; at work in the background: collector, facts, history, inside, leftovers, notifications, pulls, quotas, remarks, retention, scan, tombstones, uploads$/m,
  )
  expect(running.stdout).toContain('scan        complete: the database says what the storage says\n')
  expect(running.stdout).toContain('content     1 repositories, 0 uploads that have not ended')
  expect(plain).toMatchObject({ storage: { where: `the directory ${data}` }, processes: 1, counts: { obstacles: 1 } })
  expect(stopped.stdout).toContain('processes   none: no server runs\n')
  expect(broken).toMatchObject({ exitCode: 1, stdout: '' })
})
