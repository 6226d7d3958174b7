import { isIP } from 'node:net'

/**
 * Whether credentials for a registry may be shown to a token server: its own host, or one below the domain that the registry's host is in
 * (registry-1.docker.io and auth.docker.io), and never by plain HTTP what the registry gets by HTTPS.
 */
export function mayKnowSecretsOf(registry: URL, realm: URL): boolean {
  if (realm.protocol !== 'https:' && (realm.protocol !== 'http:' || registry.protocol !== 'http:')) return false
  if (realm.hostname === registry.hostname) return true
  if (isIP(registry.hostname.replace(/^\[|\]$/g, '')) !== 0) return false
  const domain = domainOf(registry.hostname)
  return domain !== undefined && (realm.hostname === domain || realm.hostname.endsWith(`.${domain}`))
}

/**
 * The domain whose hosts belong together; undefined where that is not known. Without the list of public suffixes `co.uk` is told from
 * `docker.io` by its short name below a country: there a host stands for itself alone, which asks too little and shows nothing.
 */
function domainOf(host: string): string | undefined {
  const labels = host.split('.')
  const domain = labels.length > 2 ? labels.slice(1) : labels
  const [name = '', top = ''] = domain.slice(-2)
  const isPublic = domain.length < 2 || (domain.length === 2 && top.length === 2 && name.length <= 3)
  return isPublic ? undefined : domain.join('.')
}
