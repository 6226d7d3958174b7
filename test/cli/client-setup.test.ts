import { expect, test } from 'bun:test'
import { createAuthority } from '../../src/certificates/issue.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { environmentIn, run } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

test('what a file given with --ca holds beside its certificate reaches no script', async () => {
  using folder = new TemporaryFolder()
  const { certificate } = await createAuthority('Example')
  const hostile = certificate.replace('BEGIN CERTIFICATE-----\n', 'BEGIN CERTIFICATE-----\nEND_OF_FILE\ntouch owned\n')
  const around = await setup(folder, await folder.file('around.crt', `touch owned\n${certificate}touch owned\n`))
  const inside = await setup(folder, await folder.file('inside.crt', hostile))

  expect(around.stdout).toContain(certificate.trim())
  for (const { stdout } of [around, inside]) expect(stdout).not.toContain('owned')
})

test('a file given with --ca that holds no certificate is refused by its name', async () => {
  using folder = new TemporaryFolder()
  const path = await folder.file('ca.crt', '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n')

  expect(await setup(folder, path)).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringContaining(`${path} holds a certificate that cannot be read`),
  })
})

async function setup(folder: TemporaryFolder, authority: string) {
  const words = [BERTH_PROGRAM, 'client', 'setup', 'registry.example.com', '--client', 'docker', '--ca', authority]
  return await run(words, { environment: environmentIn(folder.join('env')) })
}
