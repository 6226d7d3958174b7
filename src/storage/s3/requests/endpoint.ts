import type { S3Settings } from '../settings.ts'
import { encodePath, encodeQuery } from './signature.ts'

/** Where the bucket answers. */
export type Endpoint = (key: string, query?: Readonly<Record<string, string>>) => URL

type Where = Pick<
  S3Settings,
  'region' | 'bucket' | 'endpoint' | 'publicEndpoint' | 'pathStyle' | 'secure' | 'accelerate' | 'dualStack' | 'fips'
>

export function bucketEndpoint(settings: Where): Endpoint {
  return endpointAt(settings, settings.endpoint)
}

/** As clients of the registry see it, for the URLs that are signed for them. */
export function publicEndpoint(settings: Where): Endpoint {
  return endpointAt(settings, settings.publicEndpoint ?? settings.endpoint)
}

function endpointAt(settings: Where, server: string | undefined): Endpoint {
  const base = new URL(server ?? amazonsServer(settings))
  // A certificate for *.s3.amazonaws.com does not cover a bucket with a dot in its name.
  const isInPath = settings.pathStyle || (base.protocol === 'https:' && settings.bucket.includes('.'))
  const prefix = base.pathname.replace(/\/$/, '') + (isInPath ? `/${encodePath(settings.bucket)}` : '')
  if (!isInPath) base.host = `${settings.bucket}.${base.host}`
  return (key, query = {}) => {
    const url = new URL(base)
    url.pathname = `${prefix}/${encodePath(key)}`
    url.search = encodeQuery(Object.entries(query))
    return url
  }
}

function amazonsServer({ region, secure, accelerate, dualStack, fips }: Where): string {
  const scheme = secure ? 'https' : 'http'
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  if (accelerate) return `${scheme}://s3-accelerate.${dualStack ? 'dualstack.' : ''}${domain}`
  return `${scheme}://s3${fips ? '-fips' : ''}${dualStack ? '.dualstack' : ''}.${region}.${domain}`
}
