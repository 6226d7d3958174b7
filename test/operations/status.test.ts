import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { makeImage } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const SOON_MS = 60_000
const COMMANDS = commandsIn(operationsPage('status.md'))

test('the commands of docs/operations/status.md tell of a server that runs, and of a storage without one', async () => {
  using folder = new TemporaryFolder()
  const data = folder.join('data')
  mkdirSync(join(data, 'docker/registry/v2/repositories/Other/app/_manifests'), { recursive: true })
  writeFileSync(join(data, 'docker/registry/v2/repositories/Other/app/_manifests/file'), 'of another registry')
  await using berth = await startBerth({ folder, dataDirectory: data })
  await pushImage(new RegistryClient(berth.url), makeImage('one', { layers: 1 }), 'v1', 'team/app')
  const shell = async (words: string): Promise<Outcome> => {
    const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config }
    return await run(['sh', '-c', `"$BERTH" ${words} "$CONFIG"`], { environment })
  }
  const [text = '', json = ''] = COMMANDS
  await poll('the scan is complete', SOON_MS, async () => {
    const found = JSON.parse((await shell(json)).stdout) as { readonly scan: { readonly complete: boolean } }
    return found.scan.complete || undefined
  })

  const running = await shell(text)
  const plain = JSON.parse((await shell(json)).stdout)
  await berth.stop()
  const stopped = await shell(text)
  const broken = await shell(`status ${folder.join('none.yml')} #`)

  expect(COMMANDS).toHaveLength(2)
  expect(running).toMatchObject({ exitCode: 0, stderr: '' })
  expect(running.stdout.split('\n').map((line) => line.slice(0, 12).trim())).toEqual([
    ...['storage', 'room', 'database', 'processes', 'scan', 'content', 'deletes', 'collector', '', '! obstacle', 'scrub', ''],
  ])
  expect(running.stdout).toMatch(
    /^processes {3}1; at work in the background: collector, facts, history, leftovers, pulls, remarks, scan, tombstones, uploads$/m,
  )
  expect(running.stdout).toContain('scan        complete: the database says what the storage says\n')
  expect(running.stdout).toContain('content     1 repositories, 0 uploads that have not ended')
  expect(plain).toMatchObject({ storage: { where: `the directory ${data}` }, processes: 1, counts: { obstacles: 1 } })
  expect(stopped.stdout).toContain('processes   none: no server runs\n')
  expect(broken).toMatchObject({ exitCode: 1, stdout: '' })
})
