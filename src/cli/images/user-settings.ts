import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where this user's logins lie: Docker's first, then podman's. */
export function credentialFiles(): readonly string[] {
  const { DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, HOME } = process.env
  const home = HOME ?? homedir()
  const files = [
    join(DOCKER_CONFIG ?? join(home, '.docker'), 'config.json'),
    ...(REGISTRY_AUTH_FILE === undefined ? [] : [REGISTRY_AUTH_FILE]),
    ...(XDG_RUNTIME_DIR === undefined ? [] : [join(XDG_RUNTIME_DIR, 'containers/auth.json')]),
    join(home, '.config/containers/auth.json'),
  ]
  return files
}

/** Seconds since 1970 that made things are dated with (reproducible-builds.org/specs/source-date-epoch). */
export function sourceDateEpoch(): string | undefined {
  return process.env.SOURCE_DATE_EPOCH
}
