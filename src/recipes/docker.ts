import { type Access, type ClientRecipe, quoted, schemeOf, writeFile } from './client-recipe.ts'
import { HUB } from './pulled-through.ts'

const SETTINGS = '/etc/docker/daemon.json'

/**
 * Docker reads the authorities of a registry from a folder, and the names of registries without TLS from its settings, as those of mirrors. It
 * pulls images of Docker Hub through a mirror, and those of no other registry.
 */
export function docker({ registry, trust, mirrors }: Access): ClientRecipe {
  const mirrored = mirrors.some(({ name }) => name === HUB)
    ? [addSetting('registry-mirrors', `${schemeOf(trust)}://${registry}`)]
    : []
  const plain = trust.kind === 'plain HTTP' ? [addSetting('insecure-registries', registry)] : []
  const settings = [...plain, ...mirrored]
  return {
    title: 'Docker',
    isThere: 'command -v dockerd || command -v docker',
    remark:
      settings.length === 0
        ? 'Holds from the next pull on; nothing is restarted.'
        : 'The daemon reads its settings again; containers go on.',
    commands: [
      ...(trust.kind === 'authority' ? writeFile(`/etc/docker/certs.d/${registry}/ca.crt`, trust.certificate) : []),
      ...settings.flat(),
      ...(settings.length === 0 ? [] : [`if [ -s /var/run/docker.pid ]; then kill -HUP "$(cat /var/run/docker.pid)"; fi`]),
    ],
  }
}

/** The settings are JSON that others write too: what is there stays. */
function addSetting(key: 'insecure-registries' | 'registry-mirrors', value: string): string[] {
  const program = `.["${key}"] = ((.["${key}"] // []) + [$value] | unique)`
  const python = [
    'import json, sys',
    'path, value = sys.argv[1:]',
    'settings = json.load(open(path))',
    `values = settings.setdefault("${key}", [])`,
    'values.append(value) if value not in values else None',
    'json.dump(settings, open(path + ".berth", "w"), indent=2)',
  ]
  const place = `mv ${SETTINGS}.berth ${SETTINGS}`
  return [
    `if [ ! -s ${SETTINGS} ]; then`,
    ...writeFile(SETTINGS, JSON.stringify({ [key]: [value] })),
    'elif command -v jq >/dev/null; then',
    `  jq --arg value ${quoted(value)} ${quoted(program)} ${SETTINGS} > ${SETTINGS}.berth && ${place}`,
    'elif command -v python3 >/dev/null; then',
    `  python3 -c ${quoted(python.join('\n'))} ${SETTINGS} ${quoted(value)} && ${place}`,
    'else',
    `  echo 'Add "${value}" to "${key}" in ${SETTINGS}: neither jq nor python3 is here to do it.' >&2`,
    '  exit 1',
    'fi',
  ]
}
