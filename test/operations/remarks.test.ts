import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { makeImage } from '../support/images.ts'
import { commandsIn } from '../support/page-commands.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const COMMANDS = commandsIn(readFileSync(join(import.meta.dir, '../../docs/search.md'), 'utf8'))

test('the commands of docs/search.md describe a repository, beside a server and while none runs', async () => {
  using folder = new TemporaryFolder()
  const berth = await startBerth({ folder })
  await using stopped = berth
  const client = new RegistryClient(berth.url)
  await pushImage(client, makeImage('image'), 'v1', 'team/app')
  const shell = async (words: string): Promise<Outcome> => {
    const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config }
    return await run(['sh', '-c', `"$BERTH" ${words} --config "$CONFIG"`], { environment })
  }
  const described = async () => {
    const response = await client.request('GET', '/api/v1/repositories/team/app')
    return ((await response.json()) as { description: string }).description
  }
  const [describe = '', clear = ''] = COMMANDS

  expect(await shell(describe)).toEqual({ exitCode: 0, stderr: '', stdout: 'team/app is described: Payment service\n' })
  expect(await described()).toBe('Payment service')
  expect(await shell(clear)).toEqual({ exitCode: 0, stderr: '', stdout: 'team/app is described by its newest image.\n' })
  expect(await described()).toBe('')
  const refused = await Promise.all(['describe team/none x', 'describe Team x', 'describe team/app'].map(shell))
  await stopped.stop()
  const alone = await shell(describe)

  expect(COMMANDS).toHaveLength(2)
  expect(refused.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1])
  expect(refused.map(({ stderr }) => stderr.replace(/^[^:]*: /, '').trim())).toEqual([
    'failed to describe: There is no such repository.',
    'failed to describe: "Team" is no name of a repository.',
    'failed to describe: give the description, or --clear in place of it.',
  ])
  expect(alone).toMatchObject({ exitCode: 0, stdout: 'team/app is described: Payment service\n' })
})
