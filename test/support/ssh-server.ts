import { freePort } from './free-port.ts'
import type { PrivateMachine } from './private-machine.ts'
import { type BackgroundProgram, runToSuccess, startUntil } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000

export interface SshServer extends AsyncDisposable {
  /** ssh with what it needs to get in without asking. */
  readonly command: string
  /** The same as a file for ssh, for the host of that name. */
  readonly config: string
}

export interface SshServerOptions {
  readonly name?: string
  /** What those who come have in their environment. */
  readonly environment?: Readonly<Record<string, string>>
}

/** An ssh server in a machine, with keys of the test's own. */
export async function startSshServer(
  folder: TemporaryFolder,
  machine: PrivateMachine,
  { name: host = 'worker-1', environment = {} }: SshServerOptions = {},
): Promise<SshServer> {
  const keys = await folder.directory('ssh', host)
  const options = { environment: machine.environment }
  for (const name of ['host', 'user'])
    await runToSuccess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `${keys}/${name}`], options)
  await runToSuccess(['cp', `${keys}/user.pub`, `${keys}/authorized`], options)
  const port = await freePort()
  const words = Object.entries(environment).map(([variable, value]) => `${variable}=${value}`)
  const client = await folder.file(
    `ssh/${host}/client`,
    `Host ${host}\nHostName 127.0.0.1\nPort ${port}\nIdentityFile ${keys}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n`,
  )
  const config = await folder.file(
    `ssh/${host}/config`,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${keys}/host`,
      `AuthorizedKeysFile ${keys}/authorized`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PidFile none',
      ...(words.length === 0 ? [] : [`SetEnv ${words.join(' ')}`]),
    ].join('\n'),
  )
  await machine.run('mkdir', '-p', '/run/sshd')
  const command = [...machine.words, '/usr/sbin/sshd', '-D', '-e', '-f', config]
  const { program }: { program: BackgroundProgram } = await startUntil(/Server listening/, START_MS, command, options)
  const files = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'IdentitiesOnly=yes']
  return {
    command: ['ssh', '-F', 'none', '-i', `${keys}/user`, '-p', String(port), ...files.flatMap((file) => ['-o', file])].join(' '),
    config: client,
    [Symbol.asyncDispose]: async () => void (await program.stop()),
  }
}
