import { hostname } from 'node:os'
import { Agent } from '../../agent/agent.ts'
import type { Json } from '../../agent/docker/docker.ts'
import { DockerError } from '../../agent/docker/docker-error.ts'
import { Engine } from '../../agent/docker/engine.ts'
import { EngineCalls } from '../../agent/docker/engine-calls.ts'
import { Reporter } from '../../agent/reports/reporter.ts'
import { Swarm } from '../../agent/services/swarm.ts'
import { Bell } from '../../agent/stream/bell.ts'
import { listenForPushes } from '../../agent/stream/registry-events.ts'
import { findSelf } from '../../agent/update/owner.ts'
import { findWindows, WINDOW_RULE, type Window } from '../../agent/wishes/window.ts'
import type { Strategy } from '../../agent/wishes/wishes.ts'
import { Registries, type RegistryAccess } from '../../images/registry/registries.ts'
import { createLog } from '../../observe/create-log.ts'
import type { Log, LogLevel } from '../../observe/log.ts'
import { findSpanMs } from '../../runtime/duration.ts'
import { pause } from '../../runtime/pause.ts'
import { readText } from '../clients/read-text.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { credentialFiles } from '../images/user-settings.ts'
import { openLog } from '../open-log.ts'
import { agentEnvironment } from './agent-environment.ts'

export interface AgentFlags {
  readonly login?: string
  readonly passwordStdin: boolean
  readonly passwordFile?: string
  readonly ca?: string
  readonly plainHttp: boolean
  readonly all: boolean
  readonly scope?: string
  readonly strategy: Strategy
  readonly window?: string
  readonly interval: string
  readonly once: boolean
  readonly dryRun: boolean
  readonly removeImages: boolean
  readonly notify?: string
  readonly host?: string
  readonly docker?: string
  readonly logLevel: LogLevel
}

const CERTIFICATE_FOLDER = '/etc/docker/certs.d'
const FIRST_RETRY_MS = 2_000

/** Throws CommandError and ImageError. Exit code 1 with --once where something is not as it should be. */
export async function runAgent(argument: string | undefined, flags: AgentFlags): Promise<void> {
  const registry = argument ?? agentEnvironment().registry
  if (registry === undefined || !URL.canParse(`https://${registry}/`) || /[/@?#\s]/.test(registry))
    throw new CommandError('say which registry is followed, as it stands in front of image names: registry.example.com:5000')
  const intervalMs = findSpanMs(flags.interval)
  if (intervalMs === undefined) throw new CommandError(`--interval ${flags.interval} is no time; write it as 5m`)
  const signal = endOnSignal()
  const output = openLog(undefined)
  const log = createLog({ level: flags.logLevel, formatter: 'text', fields: {} }, output)
  try {
    const registries = await registriesOf(registry, flags)
    const agent = await startAgent(registries, registry, flags, { log, signal })
    if (flags.once) process.exitCode = (await agent.pass()) === 'well' ? 0 : 1
    else await keepOnListening(agent, { access: await registries.access(registry), intervalMs, log, signal })
  } catch (cause) {
    if (cause instanceof DockerError && !signal.aborted) throw new CommandError(cause.message, { cause })
    if (!signal.aborted) throw cause
  }
  await output.end()
  await exitWhenRead(Number(process.exitCode ?? 0))
}

interface Surroundings {
  readonly log: Log
  readonly signal: AbortSignal
}

async function registriesOf(registry: string, flags: AgentFlags): Promise<Registries> {
  return new Registries({
    registry,
    login: await loginOf(flags),
    authority: flags.ca === undefined ? undefined : await readText(flags.ca),
    plainHttp: flags.plainHttp,
    credentialFiles: credentialFiles(),
    certificateFolder: CERTIFICATE_FOLDER,
  })
}

async function startAgent(
  registries: Registries,
  registry: string,
  flags: AgentFlags,
  { log, signal }: Surroundings,
): Promise<Agent> {
  const windows = flags.window === undefined ? [] : windowsIn(flags.window)
  const calls = new EngineCalls(socketOf(flags.docker ?? agentEnvironment().dockerHost))
  const docker = new Engine(calls, signal)
  const upstream = await registries.puller(registry)
  const host = flags.host ?? hostname()
  const self = await findSelf(docker)
  log.info('agent started', { registry, ...(self.containerId === undefined ? {} : { container: self.containerId.slice(0, 12) }) })
  return new Agent({
    docker,
    swarm: new Swarm(calls),
    reporter: new Reporter(await registries.access(registry), { host, log }),
    self,
    log,
    registry,
    upstream,
    signal,
    daemonLogin: async () => await daemonLogin(registries, registry),
    defaults: { all: flags.all, scope: flags.scope, strategy: flags.strategy, windows },
    dryRun: flags.dryRun,
    removesImages: flags.removeImages,
    host,
    url: flags.notify === undefined ? undefined : noticeUrl(flags.notify),
    pause: async (ms) => await pause(ms, signal),
    now: Date.now,
  })
}

interface Listening extends Surroundings {
  readonly access: RegistryAccess
  readonly intervalMs: number
}

/** A push is heard of at once; what is missed is found by looking every now and then. */
async function keepOnListening(agent: Agent, { access, intervalMs, log, signal }: Listening): Promise<void> {
  const bell = new Bell()
  const onChange = async (repository: string | undefined) => {
    if (repository === undefined || (await agent.follows(repository))) bell.ring()
  }
  const listening = listenForPushes({ access, log, signal, pause: async (ms) => await pause(ms, signal), onChange })
  await Promise.all([keepOn(agent, bell, intervalMs, { log, signal }), listening])
}

/** Until it is asked to end. What was left half done, or a daemon that is away, is looked at again soon. */
async function keepOn(agent: Agent, bell: Bell, intervalMs: number, { log, signal }: Surroundings): Promise<void> {
  let retryMs = FIRST_RETRY_MS
  while (!signal.aborted) {
    const outcome = await agent.pass().catch((error: unknown) => {
      if (!(error instanceof DockerError) || signal.aborted) throw error
      log.error('Docker does not answer', { error })
      return 'unsettled' as const
    })
    const waitMs = outcome === 'unsettled' ? Math.min(retryMs, intervalMs) : intervalMs
    retryMs = outcome === 'unsettled' ? retryMs * 2 : FIRST_RETRY_MS
    await bell.wait(waitMs, signal)
  }
}

async function loginOf(flags: AgentFlags) {
  const { login, passwordFile } = agentEnvironment()
  const user = flags.login ?? login
  const file = flags.passwordFile ?? passwordFile
  if (user === undefined) {
    if (flags.passwordStdin || file !== undefined)
      throw new CommandError('a password is that of a user or a robot: add --login NAME')
    return undefined
  }
  if (!flags.passwordStdin && file === undefined)
    throw new CommandError(
      'the password is read from standard input or from a file: add --password-stdin or --password-file FILE',
    )
  const text = flags.passwordStdin ? await Bun.stdin.text() : await readText(file ?? '')
  return { user, password: text.replace(/\r?\n$/, '') }
}

/** As `docker login` would have left it. */
async function daemonLogin(registries: Registries, registry: string): Promise<Json | undefined> {
  const credentials = await (await registries.access(registry)).credentials.find()
  switch (credentials?.kind) {
    case undefined:
      return undefined
    case 'password':
      return { username: credentials.username, password: credentials.password, serveraddress: registry }
    case 'identity token':
      return { identitytoken: credentials.token, serveraddress: registry }
  }
}

function socketOf(text = '/var/run/docker.sock'): string {
  const path = text.replace(/^unix:\/\//, '')
  if (path.startsWith('/')) return path
  throw new CommandError(`${text} is no socket on this machine; the agent runs beside Docker: write it as /var/run/docker.sock`)
}

function windowsIn(text: string): readonly Window[] {
  const windows = findWindows(text)
  if (windows === undefined) throw new CommandError(`--window ${text} is none; write it ${WINDOW_RULE}`)
  return windows
}

function noticeUrl(text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text)
  throw new CommandError(`--notify ${text} is no address; write it as https://chat.example.com/hooks/…`)
}
