import { fileCheck } from './file-check.ts'
import type { HealthCheck, Repetition } from './health-check.ts'
import { type HttpCheckOptions, httpCheck } from './http-check.ts'
import { storageCheck } from './storage-health.ts'
import { type TcpCheckOptions, tcpCheck } from './tcp-check.ts'

/** The section `health` of a configuration. */
export interface HealthOptions {
  readonly storageDriver: { readonly enabled: boolean } & Repetition
  readonly file: readonly ({ readonly file: string } & Repetition)[]
  readonly http: readonly HttpCheckOptions[]
  readonly tcp: readonly TcpCheckOptions[]
}

/** Every check that the configuration asks for. `statRoot` looks at the root of the storage. */
export function healthChecks(
  options: HealthOptions,
  storage: { driver: string; statRoot: () => Promise<unknown> },
): HealthCheck[] {
  const { storageDriver, file, http, tcp } = options
  const ofStorage = storageDriver.enabled ? [storageCheck(storage.driver, storage.statRoot, storageDriver)] : []
  return [...ofStorage, ...file.map(fileCheck), ...http.map(httpCheck), ...tcp.map(tcpCheck)]
}
