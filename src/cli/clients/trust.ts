import { X509Certificate } from 'node:crypto'
import { certificatesIn } from '../../certificates/pem.ts'
import { findHost } from '../../config/schema/values.ts'
import type { Trust } from '../../recipes/client-recipe.ts'
import { CommandError } from '../command-error.ts'
import { readText } from './read-text.ts'

/** One word for the shell at the other end. */
export const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh; else exec sudo sh; fi'

/** How clients are to trust a registry, as it stands on a command line. */
export interface TrustFlags {
  readonly ca?: string
  readonly fingerprint?: string
  readonly insecure: boolean
  readonly trusted: boolean
}

/** `isDone`: something is done with it at once, so that a person must have vouched for the authority. Throws CommandError. */
export async function trustIn(registry: string, options: TrustFlags, isDone: boolean): Promise<Trust> {
  if (options.insecure && options.trusted) throw new CommandError('--insecure and --trusted exclude each other')
  if (options.insecure) return { kind: 'plain HTTP' }
  return options.trusted ? { kind: 'known' } : await findAuthority(registry, options, isDone)
}

/** Throws CommandError. */
export function parseRegistry(name: string): string {
  const bare = name.replace(/^https?:\/\//, '').replace(/\/$/, '')
  const [, host = '', port] = /^(\[[0-9A-Fa-f:]+\]|[^:/]+)(?::(\d{1,5}))?$/.exec(bare) ?? []
  if (findHost(host.replace(/^\[|\]$/g, '')) === undefined || Number(port ?? 1) > 65_535) {
    throw new CommandError(
      `${name} is not a registry; write it as it stands in front of an image name: registry.example.com:5000`,
    )
  }
  return bare
}

async function findAuthority(registry: string, options: TrustFlags, isDone: boolean): Promise<Trust> {
  if (options.ca !== undefined) return { kind: 'authority', certificate: authorityIn(await readText(options.ca), options.ca) }
  const url = `https://${registry}/ca.crt`
  const certificate = authorityIn(await download(url), url)
  const { fingerprint256 } = new X509Certificate(certificate)
  const wanted = options.fingerprint?.replaceAll(':', '').toUpperCase()
  if (wanted !== undefined && wanted !== fingerprint256.replaceAll(':', '')) {
    throw new CommandError(`${url} is another authority than the one wanted: its fingerprint is ${fingerprint256}`)
  }
  if (wanted === undefined) process.stderr.write(`berth: the authority of ${registry} has the fingerprint ${fingerprint256}\n`)
  if (wanted === undefined && isDone) {
    throw new CommandError(
      `nobody vouches for what came from ${url}; compare the fingerprint with that of the authority, and say --fingerprint ${fingerprint256}, or give the file with --ca`,
    )
  }
  return { kind: 'authority', certificate }
}

function authorityIn(text: string, source: string): string {
  const [block] = certificatesIn(text)
  if (block === undefined) throw new CommandError(`${source} holds no certificate in PEM form`)
  try {
    // Written anew: what stands between the lines of dashes becomes part of a shell script, and a file may hold anything there.
    return new X509Certificate(block).toString()
  } catch (cause) {
    throw new CommandError(`${source} holds a certificate that cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Not verified: the certificate that would prove the server is what is being asked for. */
async function download(url: string): Promise<string> {
  try {
    const response = await fetch(url, {
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(10_000),
      redirect: 'manual',
    })
    if (response.status === 200) return await response.text()
    throw new CommandError(
      `${url} answers ${response.status}: the registry has no authority of its own to hand out; if clients refuse its certificate, give its authority with --ca`,
    )
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    throw new CommandError(
      `${url} cannot be asked: ${(cause as Error).message}; if the registry speaks plain HTTP, say --insecure`,
      { cause },
    )
  }
}
