import { startBerth } from './berth-process.ts'
import { startPeer } from './peer.ts'
import type { RegistryProcess, ServeOptions } from './registry-process.ts'

/** registry:2 knows no referrers, orders no lists, and lists repositories that hold nothing any more. */
export type Dialect = 'Berth' | 'registry:2'

/** `BERTH_TEST_REGISTRY=registry:2` runs the suites with registry:2 in Berth's place, to see whose fault a failure is. */
export const registryUnderTest: Dialect = process.env.BERTH_TEST_REGISTRY === 'registry:2' ? 'registry:2' : 'Berth'

/** Starts the registry that a suite is about. The caller ends it. */
export async function startRegistry(options: ServeOptions): Promise<RegistryProcess> {
  return registryUnderTest === 'Berth' ? await startBerth(options) : await startPeer(options)
}
