import { Client, crypto as keys } from 'acme-client'
import type { AcmeConfig } from '../../config/tls-config.ts'
import type { AcmeCache } from './acme-cache.ts'

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

/** Orders a certificate for one host by HTTP-01 and keeps it in the folder. Throws what the server says. */
export async function orderCertificate({ email, directoryUrl }: AcmeConfig, cache: AcmeCache, host: string): Promise<void> {
  const client = new Client({ directoryUrl: directoryUrl ?? LETS_ENCRYPT, accountKey: await ensureAccountKey(cache) })
  const [key, csr] = await keys.createCsr({ commonName: host, altNames: [host] }, await keys.createPrivateEcdsaKey('P-256'))
  const chain = await client.auto({
    csr,
    ...(email === undefined ? {} : { email }),
    // As registry:2 and registry:3 do: an operator who switches this on agrees to the terms of the authority.
    termsOfServiceAgreed: true,
    challengePriority: ['http-01'],
    // From inside, the name often leads elsewhere or nowhere.
    skipChallengeVerification: true,
    challengeCreateFn: async (_, challenge, answer) => await cache.putAnswer(challenge.token, answer),
    challengeRemoveFn: async (_, challenge) => await cache.removeAnswer(challenge.token),
  })
  await cache.putCertificate(host, key.toString(), chain)
}

async function ensureAccountKey(cache: AcmeCache): Promise<string> {
  const known = await cache.findAccountKey()
  if (known !== undefined) return known
  const made = (await keys.createPrivateEcdsaKey('P-256')).toString()
  await cache.putAccountKey(made)
  return made
}
