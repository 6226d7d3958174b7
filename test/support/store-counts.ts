import type { StoreProxy } from './store-proxy.ts'

/** What a registry does by itself: its sign of life, and the look at the store's clock. The record of a deletion comes of a request. */
const BY_ITSELF = /^berth\/v1\/(?!deleted\/\d)/

/** How many requests of each kind came by since this was last asked, for what somebody asked of the registry. */
export function takeCountsOf(proxy: StoreProxy): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { action, key } of proxy.seen) if (!BY_ITSELF.test(key)) counts[action] = (counts[action] ?? 0) + 1
  proxy.takeCounts()
  return counts
}
