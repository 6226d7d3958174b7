import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FAST_BERTH } from '../support/berth-program.ts'
import { ImageLab } from '../support/image-lab.ts'
import { makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { run } from '../support/processes.ts'
import { pushImage, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 120_000
const PAGE = readFileSync(join(import.meta.dir, '../../docs/import.md'), 'utf8')
const COMMANDS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block.split('\n').filter((line) => line !== ''),
)

describeWith({ programs: [PEER_PROGRAM] }, 'docs/import.md', () => {
  let lab: ImageLab
  let other: RegistryProcess
  beforeAll(async () => {
    lab = await ImageLab.start()
    other = await startPeer({ folder: lab.folder, dataDirectory: lab.folder.join('other') })
    const client = new RegistryClient(other.url)
    for (const name of ['team/app', 'team/web', 'lib/tool']) await pushImage(client, name, makeImage(name), 'v1.0')
    await lab.folder.file('page/harbor-password', 'secret\n')
    await lab.folder.file('page/own-password', 'secret\n')
  }, TEST_MS)
  afterAll(async () => {
    await other[Symbol.asyncDispose]()
    await lab[Symbol.asyncDispose]()
  }, TEST_MS)

  test('has commands', () => {
    expect(COMMANDS.length).toBeGreaterThan(5)
    expect(COMMANDS.filter((command) => !command.startsWith('berth import '))).toEqual([])
  })

  test.each(COMMANDS)(
    '%s',
    async (command) => {
      const script = command
        .replaceAll('registry.example.com:5000', lab.registry.address)
        .replaceAll(/(https:\/\/)?harbor\.example\.com/g, `localhost:${other.port}`)
        .replace(/^berth/, FAST_BERTH.map((word) => `'${word}'`).join(' '))

      const { exitCode, stdout, stderr } = await run(['sh', '-c', script], {
        environment: lab.environment,
        cwd: lab.folder.join('page'),
      })

      expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^(?!berth: )/)])
      expect(stdout).toMatch(/^(\d+ repositories: .*0 failed|\{"dryRun":false,"repositories":3)/)
    },
    TEST_MS,
  )
})
