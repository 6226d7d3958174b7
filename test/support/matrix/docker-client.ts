import { dirname } from 'node:path'
import type { DockerDaemon } from '../docker-daemon.ts'
import { type Outcome, runToSuccess } from '../processes.ts'
import type { AccessLab, CallerName } from './access-lab.ts'
import { type MatrixClient, mountResult, ownRepository, type Result, refusalIn } from './matrix.ts'

/** Docker. It has no word for deleting from a registry, nor for a catalog or referrers. */
export class DockerClient implements MatrixClient {
  readonly name = 'docker'
  readonly can: MatrixClient['can']
  readonly #lab: AccessLab
  readonly #daemon: DockerDaemon

  constructor(lab: AccessLab, daemon: DockerDaemon) {
    this.#lab = lab
    this.#daemon = daemon
    this.can = {
      pull: (caller) => this.#pull(caller),
      push: (caller) => this.#push(caller),
      mount: (caller) => this.#mount(caller),
      tags: (caller) => this.#tags(caller),
    }
  }

  async #pull(caller: CallerName): Promise<Result> {
    const name = `${this.#lab.address}/team/app:v1`
    const pulled = await this.#docker(caller, 'pull', name)
    if (pulled.exitCode !== 0) return refusalIn(pulled.stderr)
    await this.#daemon.docker('image', 'rm', name)
    return 'done'
  }

  async #push(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'push', caller)
    const local = await this.#import(`push by docker as ${caller}`)
    const pushed = await this.#pushAs(caller, local, repository)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    return (await this.#lab.holds(repository, 'latest')) ? 'done' : 'unknown'
  }

  /** The daemon remembers where it has put a layer: there it asks for a mount from first. */
  async #mount(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'mount', caller)
    const local = await this.#import(`mount by docker as ${caller}`)
    const prepared = await this.#pushAs('operator', local, 'secret/app')
    if (prepared.exitCode !== 0) throw new Error(prepared.stderr)
    const logEnd = await this.#lab.logEnd()
    const pushed = await this.#pushAs(caller, local, repository)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    if (pushed.stdout.includes('Mounted from')) return 'mounted'
    return await mountResult(this.#lab, 'secret/app', logEnd)
  }

  /** `--all-tags` asks for the list of tags, and then for each. */
  async #tags(caller: CallerName): Promise<Result> {
    const name = `${this.#lab.address}/team/app`
    const pulled = await this.#docker(caller, 'pull', '--all-tags', name)
    if (pulled.exitCode !== 0) return refusalIn(pulled.stderr)
    await this.#daemon.docker('image', 'rm', `${name}:v1`)
    return 'done'
  }

  /** An image of one layer that holds one file. */
  async #import(content: string): Promise<string> {
    const { folder } = this.#lab.registry
    const archive = folder.join('docker-images', `${content.replaceAll(' ', '-')}.tar`)
    await folder.file(`docker-images/${content}/file`, content)
    const words = ['--create', '--file', archive, '--directory', folder.join('docker-images', content), 'file']
    await runToSuccess(['tar', ...words], { environment: this.#daemon.environment })
    const local = content.replaceAll(' ', '-')
    await this.#daemon.docker('import', archive, local)
    return local
  }

  async #pushAs(caller: CallerName | 'operator', local: string, repository: string): Promise<Outcome> {
    const name = `${this.#lab.address}/${repository}`
    await this.#daemon.docker('tag', local, name)
    return await this.#docker(caller, 'push', name)
  }

  async #docker(caller: CallerName | 'operator', ...words: readonly string[]): Promise<Outcome> {
    return await this.#daemon.tryDocker('--config', dirname(await this.#lab.loginFile(caller)), ...words)
  }
}
