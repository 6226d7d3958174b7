import { S3Error } from './requests/s3-error.ts'
import type { S3Settings } from './settings.ts'

type Where = Pick<S3Settings, 'region' | 'bucket' | 'endpoint' | 'encrypt' | 'keyId' | 'credentials'>

/**
 * What a refusal of an object store means for the one who set it up, and what to do. `action`: what was tried, in the words of an IAM
 * policy. Undefined for what did not come from a store.
 */
export function explainS3(error: unknown, where: Where, action: string): string | undefined {
  if (!(error instanceof S3Error)) return undefined
  const said = error.cause instanceof Error ? error.cause.message : error.message
  const sentence = error.status === undefined ? explainSilence(said, where) : explainCode(error, where, action)
  return `${sentence} (${said})`
}

function explainCode({ s3Code, status }: S3Error, where: Where, action: string): string {
  const { bucket, region, credentials } = where
  switch (s3Code) {
    case 'NoSuchBucket':
      return `There is no bucket ${bucket} at ${placeOf(where)}; make it, or correct bucket, region or regionendpoint.`
    case 'InvalidAccessKeyId':
      return `The store does not know the access key ${credentials?.accessKeyId ?? 'that was found'}; correct accesskey, or where it comes from.`
    case 'SignatureDoesNotMatch':
      return 'The secret key is wrong, or a proxy before the store changes the Host header or the path; correct secretkey or the proxy.'
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return 'The session token is over or wrong; take credentials that renew themselves, or a new sessiontoken.'
    case 'RequestTimeTooSkewed':
      return 'The clocks of this machine and of the store differ by more than a quarter of an hour; set this one by NTP.'
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return `The bucket is not in ${region}; set region to the one where it is.`
    case 'AccessControlListNotSupported':
      return 'The bucket takes no ACLs; leave objectacl out, or set objectownership: true.'
    case 'InvalidStorageClass':
      return 'The store has no such storage class; correct storageclass or leave it out.'
    case 'EntityTooSmall':
      return 'The store wants larger parts; make chunksize 5 MiB or more.'
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
      return 'The store is full; make it larger or free space.'
    default:
      return s3Code.startsWith('KMS.') ? explainEncryption(where) : explainStatus(status, where, action)
  }
}

function explainStatus(status: number | undefined, where: Where, action: string): string {
  if (status === 401 || status === 403) {
    const encryption = where.encrypt
      ? ` With encrypt, ${where.keyId === undefined ? 'SSE' : `the key ${where.keyId}`} must be allowed too.`
      : ''
    return `The credentials may not do ${action}; allow it for the bucket ${where.bucket} (docs/storage.md has a policy).${encryption}`
  }
  if (status === 501 || status === 405) return `The store has no ${action}.`
  if (status === 301 || status === 307) return `The bucket is not in ${where.region}; set region to the one where it is.`
  if (status === 404) return `The address is not that of a bucket; correct regionendpoint, or set forcepathstyle: true.`
  if (status === 400 && where.encrypt) return explainEncryption(where)
  if (status !== undefined && status >= 500) return 'The store fails or is too busy; look at it, or try again.'
  return `The store refuses ${action}.`
}

function explainEncryption({ keyId }: Where): string {
  return keyId === undefined
    ? 'The store does not encrypt as encrypt: true asks; set that up there, or leave it out.'
    : `The store cannot use the key ${keyId}; correct keyid, or allow kms:GenerateDataKey and kms:Decrypt.`
}

/** No answer: the words are those of the system, of the resolver or of TLS. */
function explainSilence(said: string, where: Where): string {
  const place = placeOf(where)
  if (/certificate|self.signed|CERT_|ALTNAME|UNABLE_TO_VERIFY|issuer/i.test(said)) {
    return `The certificate of ${place} is not trusted, or not for that name; name its authority with AWS_CA_BUNDLE, or set skipverify: true where the way there is safe.`
  }
  if (/resolve|ENOTFOUND|EAI_AGAIN|DNS/i.test(said)) {
    return `The name of ${place} is unknown to this machine's DNS; correct region or regionendpoint, or set forcepathstyle: true.`
  }
  if (/not one of S3/.test(said))
    return `${place} does not answer as S3 does; correct regionendpoint: it may be that of a console.`
  if (/credential/i.test(said)) return 'No credentials were found: write accesskey and secretkey, or give this machine a role.'
  if (/refused|Unable to connect|ECONNREFUSED/i.test(said)) {
    return `Nothing answers at ${place}; start the store, or correct regionendpoint.`
  }
  if (/ECONNRESET|EPROTO|closed|handshake|SSL/i.test(said)) {
    return `${place} breaks the connection off; is it http where secure says https, or the other way round?`
  }
  return `${place} does not answer in time; a firewall, a proxy or the store itself may keep it.`
}

function placeOf({ endpoint, region }: Where): string {
  return endpoint ?? `S3 in ${region}`
}
