import type { AccessRegistry } from './access-registry.ts'
import { basic } from './access-registry.ts'
import { ContainersTools } from './containers-tools.ts'
import { buildCrane } from './crane.ts'
import { buildGoProgram } from './go-program.ts'
import { type Environment, environmentIn, type Outcome, run } from './processes.ts'

const REGCTL = { source: 'github.com/regclient/regclient/cmd/regctl', version: 'v0.11.7' } as const

/** A client that deletes: each in its own words, and each finds out in its own way what it may. */
export interface DeletingClient {
  readonly name: string
  /** What is deleted by the name of a tag: the tag alone, or what it points to. */
  readonly deletesByTag: 'tag' | 'manifest'
  /** Who may not delete a tag and hears it too late: it pushes another image to the tag first. */
  readonly replacesTagOf?: string
  /** `image` is `<repository>:<tag>` or `<repository>@<digest>`. */
  delete(user: string, image: string): Promise<Outcome>
  tags(user: string, repository: string): Promise<readonly string[]>
}

/** Builds those that are built from source; they are kept for the next run. */
export async function deletingClients(registry: AccessRegistry): Promise<readonly DeletingClient[]> {
  const crane = await buildCrane()
  const regctl = await buildGoProgram(REGCTL.source, REGCTL.version)
  const tools = await ContainersTools.create(registry.folder)
  return [craneOn(registry, crane), regctlOn(registry, regctl), skopeoOn(registry, tools), curlOn(registry)]
}

export function passwordOf(user: string): string {
  return `${user}-secret`
}

function craneOn(registry: AccessRegistry, program: string): DeletingClient {
  const crane = async (user: string, ...words: readonly string[]) =>
    await run([program, ...words], { environment: { ...environmentOf(registry), DOCKER_CONFIG: await loginOf(registry, user) } })
  return {
    name: 'crane',
    deletesByTag: 'tag',
    delete: async (user, image) => await crane(user, 'delete', `${registry.address}/${image}`),
    tags: async (user, repository) => linesOf(await crane(user, 'ls', `${registry.address}/${repository}`)),
  }
}

function regctlOn(registry: AccessRegistry, program: string): DeletingClient {
  const regctl = async (user: string, ...words: readonly string[]) => {
    const host = `reg=${registry.address},user=${user},pass=${passwordOf(user)},tls=disabled`
    return await run([program, ...words, '--host', host], { environment: environmentOf(registry) })
  }
  return {
    name: 'regctl',
    deletesByTag: 'tag',
    replacesTagOf: 'writer',
    delete: async (user, image) =>
      await regctl(user, image.includes('@') ? 'manifest' : 'tag', 'delete', `${registry.address}/${image}`),
    tags: async (user, repository) => linesOf(await regctl(user, 'tag', 'ls', `${registry.address}/${repository}`)),
  }
}

/** It asks where the tag leads, and deletes that. */
function skopeoOn(registry: AccessRegistry, tools: ContainersTools): DeletingClient {
  const skopeo = async (word: string, user: string, image: string) => {
    const name = `docker://${registry.address}/${image}`
    return await tools.tryRun('skopeo', word, '--tls-verify=false', `--creds=${user}:${passwordOf(user)}`, name)
  }
  return {
    name: 'skopeo',
    deletesByTag: 'manifest',
    delete: async (user, image) => await skopeo('delete', user, image),
    tags: async (user, repository) => JSON.parse((await skopeo('list-tags', user, repository)).stdout).Tags,
  }
}

function curlOn(registry: AccessRegistry): DeletingClient {
  return {
    name: 'curl',
    deletesByTag: 'tag',
    delete: async (user, image) => {
      const [, repository, reference] = /^([^:@]+)[:@](.+)$/.exec(image) ?? []
      return await curl(registry, user, 'DELETE', `/v2/${repository}/manifests/${reference}`)
    },
    tags: async (user, repository) => JSON.parse((await curl(registry, user, 'GET', `/v2/${repository}/tags/list`)).stdout).tags,
  }
}

/** Fails as curl does where the answer is an error, and prints it all the same. */
export async function curl(registry: AccessRegistry, user: string, method: string, path: string): Promise<Outcome> {
  const login = ['--user', `${user}:${passwordOf(user)}`]
  const words = ['--silent', '--show-error', '--fail-with-body', '--globoff', ...login, '--request', method]
  return await run(['curl', ...words, registry.url + path], { environment: environmentOf(registry) })
}

/** The folder of a login as Docker keeps it. */
async function loginOf(registry: AccessRegistry, user: string): Promise<string> {
  const auth = basic(user, passwordOf(user)).slice('Basic '.length)
  const text = JSON.stringify({ auths: { [registry.address]: { auth } } })
  await registry.folder.file(`logins/${user}/config.json`, text)
  return registry.folder.join(`logins/${user}`)
}

function environmentOf(registry: AccessRegistry): Environment {
  return environmentIn(registry.folder.join('clients'))
}

function linesOf({ exitCode, stdout, stderr }: Outcome): readonly string[] {
  if (exitCode !== 0) throw new Error(stderr)
  return stdout.split('\n').filter((line) => line !== '')
}
