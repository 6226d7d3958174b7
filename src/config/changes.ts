import { findBoolean } from './schema/values.ts'
import { isSection, type Tree, valueAt } from './source/tree.ts'

/**
 * What is different when Berth serves with a configuration that was written for registry:2 or registry:3, in sentences: where a key is
 * not set and the two have another default, or where the same value does more.
 */
export function describeChanges(tree: Tree): string[] {
  return CHANGES.flatMap((change) => change(tree) ?? [])
}

type Change = (tree: Tree) => string | undefined

const CHANGES: readonly Change[] = [
  (tree) => {
    if (isGiven(tree, 'http.draintimeout')) return undefined
    return 'http.draintimeout is not set: registry:2 cuts running requests off when it is asked to stop; Berth gives them 8 seconds.'
  },
  (tree) => {
    if (isGiven(tree, 'http.addr')) return undefined
    return 'http.addr is not set: registry:2 takes any free port; Berth listens on :5000.'
  },
  (tree) => {
    if (!isOn(tree, 'storage.delete.enabled')) return undefined
    return 'storage.delete.enabled: with Berth a tag can be deleted alone, as in registry:3; registry:2 refuses that.'
  },
  (tree) => {
    if (!isGiven(tree, 'http.debug.addr')) return undefined
    return 'http.debug.addr: /debug/health and the metrics are there; /debug/vars and /debug/pprof, which belong to Go, are not.'
  },
  (tree) => {
    if (!isGiven(tree, 'auth.htpasswd')) return undefined
    return 'auth.htpasswd: an address that sends many wrong passwords is told to wait (429), where registry:2 checks each of them.'
  },
  (tree) => {
    if (!isSection(valueAt(tree, ['storage', 'filesystem']) ?? undefined)) return undefined
    return 'The root folder gets a folder "berth" beside "docker": the metadata database, which may be deleted, and the uploads under way.'
  },
  (tree) => {
    if (!isGiven(tree, 'http.tls.letsencrypt.cachefile')) return undefined
    return "http.tls.letsencrypt: Let's Encrypt asks on port 80 (http.tls.letsencrypt.challengeaddr), not on the HTTPS port; it must lead to Berth."
  },
  (tree) => {
    const endpoints = valueAt(tree, ['notifications', 'endpoints'])
    if (!Array.isArray(endpoints) || endpoints.length === 0) return undefined
    return 'notifications.endpoints: an event waits in the metadata database until its endpoint has taken it, where registry:2 keeps it in memory; after a crash it may come twice, with the same id.'
  },
  (tree) => {
    const upstream = valueAt(tree, ['proxy', 'remoteurl']) ?? ''
    if (upstream === '') return undefined
    return 'proxy.ttl: what no client has pulled for so long goes, a week where it is not set; registry:2 counts from when it came, and lets nothing go where deletes are off.'
  },
  () => 'Uploads that registry:2 has begun cannot go on; clients start them again by themselves.',
  () => 'The log has the same form but other messages, and one line for each request.',
]

function isGiven(tree: Tree, path: string): boolean {
  const value = valueAt(tree, path.split('.'))
  return value !== undefined && value !== null
}

function isOn(tree: Tree, path: string): boolean {
  return findBoolean(String(valueAt(tree, path.split('.')) ?? '')) === true
}
