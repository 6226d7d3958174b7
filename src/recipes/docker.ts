import { type Access, type ClientRecipe, quoted, writeFile } from './client-recipe.ts'

const SETTINGS = '/etc/docker/daemon.json'

/** Docker reads the authorities of a registry from a folder, and the names of registries without TLS from its settings. */
export function docker({ registry, trust }: Access): ClientRecipe {
  const isThere = 'command -v dockerd || command -v docker'
  if (trust.kind === 'authority') {
    return {
      title: 'Docker',
      isThere,
      remark: 'Holds from the next pull on; nothing is restarted.',
      commands: writeFile(`/etc/docker/certs.d/${registry}/ca.crt`, trust.certificate),
    }
  }
  return {
    title: 'Docker',
    isThere,
    remark: 'The daemon reads its settings again; containers go on.',
    commands: allowPlainHttp(registry),
  }
}

/** The settings are JSON that others write too: what is there stays. */
function allowPlainHttp(registry: string): string[] {
  const program = `.["insecure-registries"] = ((.["insecure-registries"] // []) + [$registry] | unique)`
  const python = [
    'import json, sys',
    'path, registry = sys.argv[1:]',
    'settings = json.load(open(path))',
    'names = settings.setdefault("insecure-registries", [])',
    'names.append(registry) if registry not in names else None',
    'json.dump(settings, open(path + ".berth", "w"), indent=2)',
  ]
  const place = `mv ${SETTINGS}.berth ${SETTINGS}`
  return [
    `if [ ! -s ${SETTINGS} ]; then`,
    ...writeFile(SETTINGS, JSON.stringify({ 'insecure-registries': [registry] })),
    'elif command -v jq >/dev/null; then',
    `  jq --arg registry ${quoted(registry)} ${quoted(program)} ${SETTINGS} > ${SETTINGS}.berth && ${place}`,
    'elif command -v python3 >/dev/null; then',
    `  python3 -c ${quoted(python.join('\n'))} ${SETTINGS} ${quoted(registry)} && ${place}`,
    'else',
    `  echo 'Add "${registry}" to "insecure-registries" in ${SETTINGS}: neither jq nor python3 is here to do it.' >&2`,
    '  exit 1',
    'fi',
    `if [ -s /var/run/docker.pid ]; then kill -HUP "$(cat /var/run/docker.pid)"; fi`,
  ]
}
