import { objectIn } from '../../images/files/parsed-json.ts'
import type { CommandOutcome, Container, Docker, Image, Json, ListedContainer, NewContainer, PulledImage } from './docker.ts'
import { DockerError } from './docker-error.ts'
import { discard, type EngineCalls, parsedText } from './engine-calls.ts'
import { parseContainer, parseContainers, parseImage } from './parsed.ts'
import { registryAuth } from './registry-auth.ts'
import { linesOf } from './socket-request.ts'

/** A container may have asked for a long time to end in. */
const STOP_MS = 60 * 60_000
/** Layers are unpacked without a word. */
const PULL_SILENCE_MS = 10 * 60_000
const MOST_LINE = 64 * 1024
const MOST_OUTPUT = 4096

/** The Docker daemon of this machine, through its socket (docs.docker.com/reference/api/engine). */
export class Engine implements Docker {
  readonly #calls: EngineCalls
  readonly #signal: AbortSignal

  /** `signal` ends a pull, which changes no container. */
  constructor(calls: EngineCalls, signal: AbortSignal) {
    this.#calls = calls
    this.#signal = signal
  }

  async listContainers(): Promise<readonly ListedContainer[]> {
    return parseContainers(await this.#calls.get('/containers/json?all=true'))
  }

  async findContainer(name: string): Promise<Container | undefined> {
    const found = await this.#calls.find(`/containers/${encodeURIComponent(name)}/json`)
    if (found === undefined) return undefined
    const container = parseContainer(found)
    // The daemon takes the beginning of an id for the whole of it.
    return container.id === name || container.name === name ? container : undefined
  }

  async createContainer({ name, settings, platform }: NewContainer): Promise<string> {
    const query = new URLSearchParams({ name, ...(platform === undefined ? {} : { platform }) })
    const created = await this.#calls.json(
      await this.#calls.ask({ method: 'POST', path: `/containers/create?${query}`, body: settings }),
      [201],
    )
    const { Id } = objectIn(created)
    if (typeof Id === 'string' && Id !== '') return Id
    throw new DockerError('The Docker daemon made a container and does not say which', { status: 201 })
  }

  async connectNetwork(network: string, container: string, endpoint: Json): Promise<void> {
    const body = { Container: container, EndpointConfig: endpoint }
    await this.#calls.do({ method: 'POST', path: `/networks/${encodeURIComponent(network)}/connect`, body }, [200])
  }

  async startContainer(id: string): Promise<void> {
    await this.#calls.do({ method: 'POST', path: `/containers/${id}/start` }, [204, 304])
  }

  async stopContainer(id: string): Promise<void> {
    await this.#calls.do({ method: 'POST', path: `/containers/${id}/stop`, patienceMs: STOP_MS }, [204, 304, 404])
  }

  async renameContainer(id: string, name: string): Promise<void> {
    await this.#calls.do({ method: 'POST', path: `/containers/${id}/rename?${new URLSearchParams({ name })}` }, [204])
  }

  async removeContainer(id: string): Promise<void> {
    try {
      await this.#calls.do({ method: 'DELETE', path: `/containers/${id}` }, [204, 404])
    } catch (error) {
      if (!(error instanceof DockerError) || error.status !== 409 || !error.message.includes('already in progress')) throw error
      // After a stop with --rm the daemon removes it by itself: it is waited for, so that its name is free.
      await this.#calls.do({ method: 'POST', path: `/containers/${id}/wait?condition=removed` }, [200, 404])
    }
  }

  async runInContainer(id: string, command: string, timeoutMs: number): Promise<CommandOutcome> {
    const body = { AttachStdout: true, AttachStderr: true, Tty: true, Cmd: ['/bin/sh', '-c', command] }
    const created = await this.#calls.json(await this.#calls.ask({ method: 'POST', path: `/containers/${id}/exec`, body }), [201])
    const exec = encodeURIComponent(String(objectIn(created).Id))
    const output = await this.#outputOf(exec, { command, timeoutMs })
    const { ExitCode, Running } = objectIn(await this.#calls.get(`/exec/${exec}/json`))
    if (Running === true || typeof ExitCode !== 'number')
      throw new DockerError(`the command ${command} is not told to have ended`, { status: 200 })
    return { exitCode: ExitCode, output }
  }

  async findImage(name: string): Promise<Image | undefined> {
    const found = await this.#calls.find(`/images/${encodeURIComponent(name)}/json`)
    return found === undefined ? undefined : parseImage(found)
  }

  async pullImage({ reference, platform, login }: PulledImage): Promise<void> {
    const query = new URLSearchParams({ fromImage: reference, ...(platform === undefined ? {} : { platform }) })
    const request = {
      method: 'POST',
      path: `/images/create?${query}`,
      headers: registryAuth(login),
      patienceMs: PULL_SILENCE_MS,
      ending: this.#signal,
    } as const
    const answer = await this.#calls.require(await this.#calls.ask(request), [200])
    // The answer begins before the pull has; how it ended stands in its lines.
    for await (const line of linesOf(answer, MOST_LINE)) {
      const { error } = objectIn(parsedText(line))
      if (typeof error === 'string') throw new DockerError(`Docker cannot pull ${reference}: ${error}`, { status: 500 })
    }
  }

  async tagImage(id: string, repository: string, tag: string): Promise<void> {
    const query = new URLSearchParams({ repo: repository, tag })
    await this.#calls.do({ method: 'POST', path: `/images/${encodeURIComponent(id)}/tag?${query}` }, [201])
  }

  async removeImage(id: string): Promise<boolean> {
    const answer = await this.#calls.ask({ method: 'DELETE', path: `/images/${encodeURIComponent(id)}` })
    if (answer.status === 409) {
      await discard(answer)
      return false
    }
    await this.#calls.json(answer, [200, 404])
    return true
  }

  /** The first of what a command prints until it ends. It is left to itself after its time. */
  async #outputOf(
    exec: string,
    { command, timeoutMs }: { readonly command: string; readonly timeoutMs: number },
  ): Promise<string> {
    const ending = new AbortController()
    const timer = setTimeout(() => ending.abort(), timeoutMs)
    const decoder = new TextDecoder()
    let output = ''
    try {
      const body = { Detach: false, Tty: true }
      const request = { method: 'POST', path: `/exec/${exec}/start`, body, patienceMs: timeoutMs, ending: ending.signal } as const
      for await (const part of (await this.#calls.require(await this.#calls.ask(request), [200])).chunks())
        if (output.length < MOST_OUTPUT) output += decoder.decode(part, { stream: true })
    } catch (cause) {
      if (!ending.signal.aborted) throw cause
      throw new DockerError(`the command ${command} did not end within ${timeoutMs / 1000} s`, { status: 200, cause })
    } finally {
      clearTimeout(timer)
    }
    return output.slice(0, MOST_OUTPUT).trim()
  }
}
