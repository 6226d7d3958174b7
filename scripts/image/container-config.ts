import { version } from '../../src/runtime/version.ts'

const SECOND = 1_000_000_000

/** What a container runs and how: registry:2's, plus a health check. The Dockerfile says the same. */
export const containerConfig = {
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  Entrypoint: ['/entrypoint.sh'],
  Cmd: ['/etc/docker/registry/config.yml'],
  ExposedPorts: { '5000/tcp': {} },
  Volumes: { '/var/lib/registry': {} },
  WorkingDir: '/',
  StopSignal: 'SIGTERM',
  Healthcheck: { Test: ['CMD', '/bin/berth', 'health'], Interval: 10 * SECOND, Timeout: 10 * SECOND, StartPeriod: 30 * SECOND },
  Labels: {
    'org.opencontainers.image.title': 'Berth',
    'org.opencontainers.image.description': 'A private container registry that takes over from registry:2 in place',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  },
}
