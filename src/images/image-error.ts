import { RegistryError } from '../oci/errors.ts'
import { UpstreamFailure } from '../upstream/upstream-failure.ts'

/** An image cannot be loaded, saved or made. The message is one sentence for the user of the command. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
}

/** Does a work; what a registry refused, or what is wrong with a manifest, becomes a sentence for the user. */
export async function inUsersWords<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new ImageError(sentenceOf(error), { cause: error })
  }
}

function sentenceOf(error: RegistryError): string {
  if (!(error instanceof UpstreamFailure) || error.status !== 401) return error.message
  const said = error.asked === undefined ? error.message : `${error.asked} asks for credentials, or for other ones (401).`
  return `${said} Log in with docker login or podman login, or give --login NAME and --password-stdin.`
}
