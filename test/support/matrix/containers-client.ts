import { ContainersTools } from '../containers-tools.ts'
import { expectImageDirectory, writeImageDirectory } from '../image-directory.ts'
import { makeImage } from '../images.ts'
import { type Outcome, runToSuccess } from '../processes.ts'
import type { AccessLab, CallerName } from './access-lab.ts'
import { type MatrixClient, mountResult, ownRepository, type Result, refusalIn, repositoryToDelete } from './matrix.ts'

/** skopeo, whose images are directories. It has no word for a catalog, nor for referrers. */
export class SkopeoClient implements MatrixClient {
  readonly name = 'skopeo'
  readonly can: MatrixClient['can']
  readonly #lab: AccessLab
  readonly #tools: ContainersTools

  private constructor(lab: AccessLab, tools: ContainersTools) {
    this.#lab = lab
    this.#tools = tools
    this.can = {
      pull: (caller) => this.#pull(caller),
      push: (caller) => this.#push(caller),
      mount: (caller) => this.#mount(caller),
      delete: (caller) => this.#delete(caller),
      tags: (caller) => this.#tags(caller),
    }
  }

  static async create(lab: AccessLab): Promise<SkopeoClient> {
    return new SkopeoClient(lab, await ContainersTools.create(lab.registry.folder))
  }

  async #pull(caller: CallerName): Promise<Result> {
    const { image, registry } = this.#lab
    const directory = await registry.folder.directory('skopeo-pull', caller)
    const login = await this.#login(caller, '--src-authfile')
    const copied = await this.#run('copy', ...login, '--src-tls-verify=false', this.#name('team/app:v1'), `dir:${directory}`)
    if (copied.exitCode !== 0) return refusalIn(copied.stderr)
    await expectImageDirectory(directory, image.manifest, [image])
    return 'done'
  }

  async #push(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'push', caller)
    const directory = this.#lab.registry.folder.join('skopeo-push', caller)
    await writeImageDirectory(directory, this.#lab.image.manifest, [this.#lab.image])
    const pushed = await this.#copy(caller, directory, `${repository}:v1`)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    return (await this.#lab.holds(repository, 'v1')) ? 'done' : 'unknown'
  }

  /** skopeo remembers where it has put a layer: there it asks for a mount from first. */
  async #mount(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'mount', caller)
    const image = makeImage(`mount by skopeo as ${caller}`, { format: 'docker', layers: 1 })
    const directory = this.#lab.registry.folder.join('skopeo-mount', caller)
    await writeImageDirectory(directory, image.manifest, [image])
    const prepared = await this.#copy('operator', directory, 'secret/app:skopeo')
    if (prepared.exitCode !== 0) throw new Error(prepared.stderr)
    const logEnd = await this.#lab.logEnd()
    const pushed = await this.#copy(caller, directory, `${repository}:v1`)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    return await mountResult(this.#lab, 'secret/app', logEnd)
  }

  async #delete(caller: CallerName): Promise<Result> {
    const repository = await repositoryToDelete(this.#lab, this.name, caller)
    const login = await this.#login(caller, '--authfile')
    const deleted = await this.#run('delete', ...login, '--tls-verify=false', this.#name(`${repository}:v1`))
    const isThere = await this.#lab.holds(repository, 'v1')
    if (isThere === (deleted.exitCode === 0)) throw new Error(`deleted and there, or neither: ${deleted.stderr}`)
    return deleted.exitCode === 0 ? 'done' : refusalIn(deleted.stderr)
  }

  async #tags(caller: CallerName): Promise<Result> {
    const login = await this.#login(caller, '--authfile')
    const listed = await this.#run('list-tags', ...login, '--tls-verify=false', this.#name('team/app'))
    return listed.exitCode === 0 && listed.stdout.includes('"v1"') ? 'done' : refusalIn(listed.stderr)
  }

  async #copy(caller: CallerName | 'operator', directory: string, name: string): Promise<Outcome> {
    const login = await this.#login(caller, '--dest-authfile')
    return await this.#run('copy', ...login, '--dest-tls-verify=false', `dir:${directory}`, this.#name(name))
  }

  async #login(caller: CallerName | 'operator', option: string): Promise<readonly string[]> {
    return [`${option}=${await this.#lab.loginFile(caller)}`]
  }

  #name(name: string): string {
    return `docker://${this.#lab.address}/${name}`
  }

  async #run(...words: readonly string[]): Promise<Outcome> {
    return await this.#tools.tryRun('skopeo', ...words)
  }
}

/** podman, with images of its own. It has no word for deleting from a registry, nor for referrers. */
export class PodmanClient implements MatrixClient {
  readonly name = 'podman'
  readonly can: MatrixClient['can']
  readonly #lab: AccessLab
  readonly #tools: ContainersTools

  private constructor(lab: AccessLab, tools: ContainersTools) {
    this.#lab = lab
    this.#tools = tools
    this.can = {
      pull: (caller) => this.#pull(caller),
      push: (caller) => this.#push(caller),
      mount: (caller) => this.#mount(caller),
      catalog: (caller) => this.#catalog(caller),
      tags: (caller) => this.#tags(caller),
    }
  }

  static async create(lab: AccessLab): Promise<PodmanClient> {
    return new PodmanClient(lab, await ContainersTools.create(lab.registry.folder))
  }

  async #pull(caller: CallerName): Promise<Result> {
    const name = `${this.#lab.address}/team/app:v1`
    const pulled = await this.#run(caller, 'pull', '--tls-verify=false', '--quiet', name)
    if (pulled.exitCode !== 0) return refusalIn(pulled.stderr)
    await this.#tools.run('podman', 'rmi', name)
    return 'done'
  }

  async #push(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'push', caller)
    const pushed = await this.#pushNew(caller, `push by podman as ${caller}`, `${repository}:v1`)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    return (await this.#lab.holds(repository, 'v1')) ? 'done' : 'unknown'
  }

  async #mount(caller: CallerName): Promise<Result> {
    const repository = ownRepository(this.name, 'mount', caller)
    const content = `mount by podman as ${caller}`
    const prepared = await this.#pushNew('operator', content, 'secret/app:podman')
    if (prepared.exitCode !== 0) throw new Error(prepared.stderr)
    const logEnd = await this.#lab.logEnd()
    const pushed = await this.#pushNew(caller, content, `${repository}:v1`)
    if (pushed.exitCode !== 0) return refusalIn(pushed.stderr)
    return await mountResult(this.#lab, 'secret/app', logEnd)
  }

  /** It asks for searches of the old kind first, which Berth does not have. */
  async #catalog(caller: CallerName): Promise<Result> {
    const words = ['search', '--tls-verify=false', '--limit', '100', '--format', '{{.Name}}', `${this.#lab.address}/`]
    const searched = await this.#run(caller, ...words)
    if (searched.exitCode !== 0) return refusalIn(searched.stderr)
    const names = searched.stdout.split('\n').filter((line) => line !== '')
    return names.map((name) => name.replace(`${this.#lab.address}/`, ''))
  }

  async #tags(caller: CallerName): Promise<Result> {
    const words = ['search', '--tls-verify=false', '--list-tags', '--format', '{{.Tag}}', `${this.#lab.address}/team/app`]
    const listed = await this.#run(caller, ...words)
    return listed.exitCode === 0 && listed.stdout.includes('v1') ? 'done' : refusalIn(listed.stderr)
  }

  /** An image of one layer that holds one file. */
  async #pushNew(caller: CallerName | 'operator', content: string, name: string): Promise<Outcome> {
    const { folder } = this.#lab.registry
    const archive = folder.join('podman', `${content.replaceAll(' ', '-')}.tar`)
    await folder.file(`podman/${content}/file`, content)
    const environment = this.#lab.environment('podman')
    const words = ['--create', '--file', archive, '--mtime', '@0', '--directory', folder.join('podman', content), 'file']
    await runToSuccess(['tar', ...words], { environment })
    const local = `localhost/${content.replaceAll(' ', '-')}`
    await this.#tools.run('podman', 'import', '--quiet', archive, local)
    return await this.#run(caller, 'push', '--tls-verify=false', '--quiet', local, `docker://${this.#lab.address}/${name}`)
  }

  async #run(caller: CallerName | 'operator', ...[command = '', ...words]: readonly string[]): Promise<Outcome> {
    return await this.#tools.tryRun('podman', command, `--authfile=${await this.#lab.loginFile(caller)}`, ...words)
  }
}
