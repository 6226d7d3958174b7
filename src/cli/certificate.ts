import { isIP } from 'node:net'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CertificateError } from '../certificates/certificate-error.ts'
import { ensureCertificate, type FolderOutcome, pathsIn } from '../certificates/certificate-folder.ts'
import { factsOf } from '../certificates/server-certificate.ts'
import { findHost } from '../config/schema/values.ts'
import { CommandError } from './command-error.ts'

interface CreateOptions {
  readonly host: readonly string[]
  readonly ip: readonly string[]
  readonly folder: string
  readonly renew: boolean
}

export function addCertificateCommands(program: Command): void {
  const certificate = program.command('certificate').description('Makes and renews certificates.').copyInheritedSettings(program)
  certificate
    .command('create')
    .description('Makes an authority and a certificate for a registry, or renews the certificate when it is due or lacks a name.')
    .option('--host <name>', 'a name that clients use; may be given several times', collect, [])
    .option('--ip <address>', 'an address that clients use; may be given several times', collect, [])
    .option('--folder <path>', 'where they are kept', 'certs')
    .option('--renew', 'renew the certificate although it is not due', false)
    .action(createCertificate)
    .copyInheritedSettings(program)
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

/** Throws CommandError. */
export async function createCertificate({ host, ip, folder, renew }: CreateOptions): Promise<void> {
  const hosts = checkHosts(host, ip)
  try {
    const outcome = await ensureCertificate({ folder: resolve(folder), hosts, always: renew })
    process.stdout.write(report(folder, outcome, hosts))
  } catch (cause) {
    if (cause instanceof CertificateError) throw new CommandError(cause.message, { cause })
    throw cause
  }
}

function checkHosts(names: readonly string[], addresses: readonly string[]): readonly string[] {
  const notName = names.find((name) => isIP(name) !== 0 || findHost(name) === undefined)
  if (notName !== undefined)
    throw new CommandError(`${notName} is not a host name; addresses go to --ip, and no port belongs to either`)
  const notAddress = addresses.find((address) => isIP(address) === 0)
  if (notAddress !== undefined) throw new CommandError(`${notAddress} is not an IP address; names go to --host`)
  const hosts = [...names, ...addresses]
  if (hosts.length === 0)
    throw new CommandError('say what clients call the registry: --host registry.example.com or --ip 10.0.0.1')
  return hosts
}

const WHAT_HAPPENED = { made: 'Made', renewed: 'Renewed', kept: 'Kept' }

function report(folder: string, { certificate, authority, server }: FolderOutcome, hosts: readonly string[]): string {
  const paths = pathsIn(folder)
  const { names, expiresAt } = certificate.facts
  const lines = [
    `${WHAT_HAPPENED[server]} the certificate ${paths.certificate} for ${names.join(', ')}, valid until ${day(expiresAt)}.`,
  ]
  if (certificate.authority !== undefined) {
    const { expiresAt: end, fingerprint } = factsOf(certificate.authority)
    lines.unshift(
      `${WHAT_HAPPENED[authority]} the authority ${paths.authority}, valid until ${day(end)}, SHA-256 ${fingerprint}.`,
    )
  }
  if (server !== 'made') return `${lines.join('\n')}\n`
  return `${[
    ...lines,
    '',
    'In config.yml:',
    `  http: {tls: {certificate: ${resolve(paths.certificate)}, key: ${resolve(paths.key)}}}`,
    `For each client: berth client setup ${hosts[0]}:5000 --ca ${paths.authority}`,
    `Keep ${paths.authorityKey} to yourself: who has it can pretend to be any server that your clients talk to.`,
  ].join('\n')}\n`
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
