import { readFile } from 'node:fs/promises'
import { undefinedIfMissing } from '../../runtime/error-code.ts'
import { CredentialHelper } from '../../upstream/credential-helper.ts'
import { type CredentialSource, fixedCredentials, NO_CREDENTIALS } from '../../upstream/credentials.ts'
import { objectIn } from '../files/parsed-json.ts'
import { ImageError } from '../image-error.ts'
import { DOCKER_HUB } from '../image-name.ts'

/** The key under which `docker login` keeps Docker Hub. */
const HUB_KEY = 'https://index.docker.io/v1/'

/**
 * What `docker login` or `podman login` has left for a registry, in the first of the files that knows it. The files name secrets, and programs
 * that know them. Throws ImageError for a file that cannot be read.
 */
export async function dockerCredentials(registry: string, url: URL, files: readonly string[]): Promise<CredentialSource> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(undefinedIfMissing)
    const found = text === undefined ? undefined : credentialsIn(parsed(text, file), { registry, url })
    if (found !== undefined) return found
  }
  return NO_CREDENTIALS
}

function parsed(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return objectIn(JSON.parse(text))
  } catch (cause) {
    throw new ImageError(`${file} is not JSON; log in again with docker login`, { cause })
  }
}

interface Wanted {
  readonly registry: string
  readonly url: URL
}

/** A program for this registry goes before the one for all, which is asked only where a login has left its sign. */
function credentialsIn(config: Readonly<Record<string, unknown>>, { registry, url }: Wanted): CredentialSource | undefined {
  const entry = entryFor(objectIn(config.auths), registry)
  const key = registry === DOCKER_HUB ? HUB_KEY : registry
  const helper = objectIn(config.credHelpers)[key] ?? (entry === undefined ? undefined : config.credsStore)
  if (typeof helper === 'string' && helper !== '') {
    if (!/^[\w.-]+$/.test(helper)) throw new ImageError(`${helper} is no name of a credential helper`)
    return new CredentialHelper({ command: `docker-credential-${helper}`, url, serverAddress: key, lifetimeMs: undefined })
  }
  return entry === undefined ? undefined : storedIn(entry)
}

/** Podman has names of repositories as well, Docker has URLs of old. */
function entryFor(auths: Readonly<Record<string, unknown>>, registry: string): Readonly<Record<string, unknown>> | undefined {
  const keys =
    registry === DOCKER_HUB ? [HUB_KEY, DOCKER_HUB, 'index.docker.io'] : [registry, `https://${registry}`, `http://${registry}`]
  const key = keys.find((name) => name in auths)
  return key === undefined ? undefined : objectIn(auths[key])
}

function storedIn({ auth, identitytoken, username, password }: Readonly<Record<string, unknown>>): CredentialSource | undefined {
  if (typeof identitytoken === 'string' && identitytoken !== '') return fixedCredentials('<token>', identitytoken)
  if (typeof username === 'string' && typeof password === 'string' && username !== '') return fixedCredentials(username, password)
  if (typeof auth !== 'string') return undefined
  const [, user, secret] = /^([^:]+):([\s\S]*)$/.exec(Buffer.from(auth, 'base64').toString().replace(/\0+$/, '')) ?? []
  return user === undefined || secret === undefined ? undefined : fixedCredentials(user, secret)
}
