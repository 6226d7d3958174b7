import type { CredentialSource, S3Credentials, S3Settings } from '../settings.ts'

/** New ones are asked for this long before the old ones end: a request under way must still be believed. */
const RENEW_BEFORE_MS = 5 * 60 * 1000

/**
 * The credentials of the configuration, or what the AWS SDKs find: environment, shared profile (with its process or SSO), web identity,
 * the endpoint of a container, the instance's metadata (IMDSv2). The SDK is loaded only where it is needed.
 */
export function credentialSource(settings: Pick<S3Settings, 'credentials' | 'region'>): CredentialSource {
  const { credentials, region } = settings
  if (credentials !== undefined) return async () => credentials
  return renewed(async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
    return await defaultProvider({ clientConfig: { region } })()
  })
}

/** Keeps credentials until they near their end. Requests that need new ones share the question. */
export function renewed(ask: CredentialSource, now: () => number = Date.now): CredentialSource {
  let current: S3Credentials | undefined
  let asking: Promise<S3Credentials> | undefined
  const renew = () => {
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }
  return async () => {
    const endsAtMs = current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY
    if (current !== undefined && endsAtMs - now() > RENEW_BEFORE_MS) return current
    try {
      current = await renew()
    } catch (error) {
      if (current === undefined || endsAtMs <= now()) throw error
    }
    return current
  }
}
