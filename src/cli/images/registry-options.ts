import { Registries } from '../../images/registry/registries.ts'
import { readText } from '../clients/read-text.ts'
import { CommandError } from '../command-error.ts'
import type { RegistryFlags } from './registry-flags.ts'
import { credentialFiles } from './user-settings.ts'

const CERTIFICATE_FOLDER = '/etc/docker/certs.d'

/** `registry`: the one that the flags are about. `shown`: a user of it, in place of the one that the flags name. Throws CommandError. */
export async function registriesFor(
  { login, passwordStdin, ca, plainHttp }: RegistryFlags,
  registry: string,
  shown?: { readonly user: string; readonly password: string },
): Promise<Registries> {
  return new Registries({
    registry,
    login: shown ?? (await loginOf(login, passwordStdin)),
    authority: ca === undefined ? undefined : await readText(ca),
    plainHttp,
    credentialFiles: credentialFiles(),
    certificateFolder: CERTIFICATE_FOLDER,
  })
}

/** Throws CommandError. */
export async function loginOf(user: string | undefined, passwordStdin: boolean) {
  if (user === undefined && passwordStdin) throw new CommandError('--password-stdin is the password of a user: add --login NAME')
  if (user === undefined) return undefined
  if (!passwordStdin) throw new CommandError('the password of the user is read from standard input: add --password-stdin')
  return { user, password: (await Bun.stdin.text()).replace(/\r?\n$/, '') }
}
