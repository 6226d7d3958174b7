import type { Command } from 'commander'

/** Of every command that asks a registry. */
export interface RegistryFlags {
  readonly login?: string
  readonly passwordStdin: boolean
  readonly ca?: string
  readonly plainHttp: boolean
}

export function addRegistryFlags(command: Command): Command {
  return command
    .option('--login <user>', 'as this user; left out: as docker login or podman login has left it')
    .option('--password-stdin', 'read the password of --login from standard input', false)
    .option('--ca <file>', "the authority of the registry's certificate, where this machine does not trust it")
    .option('--plain-http', 'the registry speaks plain HTTP; one on this machine is found out', false)
}
