import { type Environment, environmentIn, type Outcome, run, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

export type ContainersTool = 'skopeo' | 'podman' | 'buildah'

/** skopeo, podman and buildah with configuration and storage of the test's own; nothing of the machine's is read. */
export class ContainersTools {
  readonly #environment: Environment
  readonly #storage: readonly string[]

  private constructor(environment: Environment, storage: readonly string[]) {
    this.#environment = environment
    this.#storage = storage
  }

  static async create(folder: TemporaryFolder): Promise<ContainersTools> {
    const root = await folder.directory('tools')
    const environment = {
      ...environmentIn(root),
      CONTAINERS_CONF: await folder.file('tools/containers.conf', containersConfig(root)),
      CONTAINERS_REGISTRIES_CONF: await folder.file('tools/registries.conf', 'unqualified-search-registries = []\n'),
    }
    await folder.file('tools/home/.config/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}')
    return new ContainersTools(environment, [`--root=${root}/storage`, `--runroot=${root}/runroot`, '--storage-driver=vfs'])
  }

  /** Runs one tool, which must succeed; gives what it printed. */
  async run(tool: ContainersTool, ...words: readonly string[]): Promise<string> {
    return await runToSuccess(this.#command(tool, words), { environment: this.#environmentOf(tool) })
  }

  /** Runs one tool, which may fail. */
  async tryRun(tool: ContainersTool, ...words: readonly string[]): Promise<Outcome> {
    return await run(this.#command(tool, words), { environment: this.#environmentOf(tool) })
  }

  #command(tool: ContainersTool, words: readonly string[]): readonly string[] {
    return tool === 'skopeo' ? [tool, ...words] : [tool, ...this.#storage, ...words]
  }

  /** As root, skopeo would keep what it learns about blobs in the machine's own folders, from one test run to the next. */
  #environmentOf(tool: ContainersTool): Environment {
    return tool === 'skopeo' ? { ...this.#environment, _CONTAINERS_ROOTLESS_UID: '1000' } : this.#environment
  }
}

/** runc knows every arrangement of cgroups; limits are left as they are, because raising them is not always allowed. */
function containersConfig(root: string): string {
  return `[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
tmp_dir = "${root}/libpod"
[network]
network_backend = "netavark"
network_config_dir = "${root}/networks"
`
}
