import { readFileSync } from 'node:fs'

const LOCAL_STATE_DIRECTORY = '/var/lib/berth'

/** For what must be on this machine: the directory that systemd gives a service, or its usual place. */
export function localStateDirectory(): string {
  return process.env.STATE_DIRECTORY ?? LOCAL_STATE_DIRECTORY
}

/** The certificates that the AWS SDKs are told to trust, as PEM; undefined: those of the system. */
export function awsCertificateAuthorities(): string | undefined {
  const path = process.env.AWS_CA_BUNDLE
  return path ? readFileSync(path, 'utf8') : undefined
}
