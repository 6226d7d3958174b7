import { readFile } from 'node:fs/promises'
import { BackgroundProgram, type Environment, poll } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000

/** Where a proxy runs: a private machine, or this one. */
interface Machine {
  /** In front of a command. */
  readonly words: readonly string[]
  readonly environment: Environment
  run(...command: string[]): Promise<string>
}

/** Real proxies in a private machine, each with a configuration of a test's and nothing of the machine's. */

/** `sites`: server blocks. */
export async function startNginx(
  folder: TemporaryFolder,
  machine: Machine,
  name: string,
  sites: string,
): Promise<BackgroundProgram> {
  const root = await folder.directory(name)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${root}/${kind};`)
  const config = await folder.file(
    `${name}/nginx.conf`,
    `user root;\ndaemon off;\npid ${root}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary.join('\n')}\n${sites}\n}\n`,
  )
  return await start(machine, ['nginx', '-p', root, '-c', config], sites)
}

export async function startHaproxy(folder: TemporaryFolder, machine: Machine, sections: string): Promise<BackgroundProgram> {
  const config = await folder.file(
    'haproxy/haproxy.cfg',
    `global\n    maxconn 100\ndefaults\n    log stdout format raw local0\n${sections}`,
  )
  return await start(machine, ['haproxy', '-db', '-f', config], sections)
}

export async function startApache(
  folder: TemporaryFolder,
  machine: Machine,
  port: number,
  site: string,
): Promise<BackgroundProgram> {
  const root = await folder.directory('apache')
  const modules = ['mpm_event', 'authz_core', 'ssl', 'proxy', 'proxy_http', 'headers', 'reqtimeout', 'socache_shmcb']
  const config = await folder.file(
    'apache/apache.conf',
    [
      ...modules.map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so`),
      `ServerName localhost\nServerRoot ${root}\nPidFile ${root}/pid\nMutex file:${root}\nErrorLog ${root}/error.log\nListen ${port}`,
      site,
    ].join('\n'),
  )
  return await start(machine, ['apache2', '-DFOREGROUND', '-f', config], `listen ${port}`)
}

export async function startCaddy(
  folder: TemporaryFolder,
  machine: Machine,
  program: string,
  site: string,
): Promise<BackgroundProgram> {
  // Only one block may be about the whole server, and it comes first.
  const whole = '{\n\tadmin off\n\tauto_https disable_redirects\n'
  const text = /^\{\n/m.test(site) ? site.replace(/^\{\n/m, whole) : `${whole}}\n${site}`
  const config = await folder.file('caddy/Caddyfile', text)
  return await start(machine, [program, 'run', '--adapter', 'caddyfile', '--config', config], site)
}

/** Waits until something listens on the first port that the configuration names. */
async function start(machine: Machine, command: readonly string[], config: string): Promise<BackgroundProgram> {
  const port = Number(/(?:listen (?:127\.0\.0\.1:)?|bind :|:)(\d+)/.exec(config.replace(/^#.*$/gm, ''))?.[1])
  const program = new BackgroundProgram([...machine.words, ...command], { environment: machine.environment })
  try {
    await poll(`${command[0]} listens on ${port}`, START_MS, async () => {
      if (!program.running) throw new Error(`${command[0]} ended: ${program.output}`)
      return (await listeningPorts(machine)).has(port) || undefined
    })
    return program
  } catch (error) {
    await program.stop()
    throw error
  }
}

/** From the kernel's table of the machine's network: connecting would be a request to the proxy. */
async function listeningPorts(machine: Machine): Promise<Set<number>> {
  const table = await machine.run('cat', '/proc/net/tcp', '/proc/net/tcp6')
  const listening = table.split('\n').filter((line) => / 0A /.test(line))
  return new Set(listening.map((line) => Number.parseInt(/:([0-9A-F]{4}) /.exec(line)?.[1] ?? '0', 16)))
}

/** HAProxy wants certificate and key in one file. */
export async function joinCertificate(
  folder: TemporaryFolder,
  paths: { readonly certificate: string; readonly key: string },
): Promise<string> {
  return await folder.file('joined.pem', `${await readFile(paths.certificate, 'utf8')}${await readFile(paths.key, 'utf8')}`)
}
