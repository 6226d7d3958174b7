import { childOf, type Key, keyOf } from './schema/keys.ts'
import { schema } from './schema/schema.ts'

/** Every key as a page for operators, made from the schema. */
export function renderReference(): string {
  const shape = sectionsOf(keyOf(schema))
  const entries = shape.flatMap(([name, key]) => entriesOf(key, name))
  const read = entries.filter(({ use }) => use !== 'not yet' && use !== 'not needed')
  const groups = Map.groupBy(read, ({ path }) => path.split('.')[0] ?? path)
  return [
    INTRODUCTION,
    ...[...groups].flatMap(([name, rows]) => [`### \`${name}\`\n`, table(rows)]),
    LATER,
    unreadTable(entries.filter(({ use }) => use === 'not yet')),
    NOT_NEEDED,
    unreadTable(entries.filter(({ use }) => use === 'not needed')),
  ].join('\n')
}

/** Every key that a configuration of registry:2 or registry:3 may have, and ours; `section` is what the schema knows of it. */
export function listKeys(): { readonly path: string; readonly section: string }[] {
  const entries = sectionsOf(keyOf(schema)).flatMap(([name, key]) => entriesOf(key, name))
  return entries.flatMap(({ path, below }) => {
    const names = below.map((name) => `${path}${name.startsWith('[]') ? '' : '.'}${name}`.replace('[]', '[].'))
    return (below.length === 0 ? [path] : names).map((full) => ({ path: full, section: path }))
  })
}

interface Entry {
  readonly path: string
  readonly use: 'effective' | 'told' | 'not yet' | 'not needed'
  readonly about: string
  readonly default: string | undefined
  readonly example: string | undefined
  readonly below: readonly string[]
}

function sectionsOf(key: Key): (readonly [string, Key])[] {
  if (key.kind !== 'section') return []
  return Object.keys(key.shape).flatMap((name) => {
    const child = childOf(key, name)
    return child === undefined ? [] : [[name, child] as const]
  })
}

function entriesOf(key: Key, path: string): Entry[] {
  switch (key.kind) {
    case 'section': {
      const below = sectionsOf(key).flatMap(([name, child]) => entriesOf(child, `${path}.${name}`))
      return below.length > 0 ? below : [{ ...EMPTY, path, about: key.about ?? '', example: '{}' }]
    }
    case 'list': {
      const entry = childOf(key, '0')
      const below = entry?.kind === 'section' ? entriesOf(entry, `${path}[]`) : []
      const { about, default: usual = '[]', example } = key.facts
      return [{ ...EMPTY, path, default: usual, about, example }, ...below]
    }
    case 'map':
      return [{ ...EMPTY, path, default: '{}', about: key.facts.about, example: key.facts.example }]
    case 'value': {
      const { about, notice, example } = key.facts
      return [{ ...EMPTY, path, use: notice ? 'told' : 'effective', about, default: key.facts.default, example }]
    }
    case 'not yet':
    case 'not needed':
      return [{ ...EMPTY, path, use: key.kind, about: key.facts.about, below: key.facts.below ?? [] }]
  }
}

const EMPTY = { use: 'effective', default: undefined, example: undefined, below: [] } as const

function table(entries: readonly Entry[]): string {
  const rows = entries.map(({ path, use, about, default: usual, example }) => {
    const meaning = use === 'told' ? `${about} ¹` : about
    return `| \`${path}\` | ${cell(meaning)} | ${code(usual)} | ${code(`${path.split('.').at(-1)}: ${example ?? usual}`)} |`
  })
  return ['| Key | Meaning | Default | Example |', '|---|---|---|---|', ...rows, ''].join('\n')
}

function unreadTable(entries: readonly Entry[]): string {
  const rows = entries.map(({ path, about, below }) => {
    return `| \`${path}\` | ${cell(about)} | ${below.map((name) => `\`${name}\``).join(', ')} |`
  })
  return ['| Key | Meaning | Below it |', '|---|---|---|', ...rows, ''].join('\n')
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const INTRODUCTION = `# Configuration

This page is made from the program by \`npm run docs\`; change it there.

Berth reads the configuration of registry:2 and registry:3. \`berth serve config.yml\` takes the file as an argument, else from the variable
\`REGISTRY_CONFIGURATION_PATH\`. Without a file it serves this machine alone: it listens on \`127.0.0.1:5000\`, keeps its data in \`./data\` and
allows deletes.

- \`berth config config.yml\` prints what holds and where each value comes from, with stars for secrets.
- \`berth check-config config.yml\` says in sentences what changes for a file of registry:2.

A configuration with mistakes does not start: all of them are named, with the line or the variable, key, value and what is allowed, and the
exit code is 1. What Berth accepts and does not need is told once at the start; those keys are marked ¹.

A value means what it means in registry:2:

- A key that there is not has no effect and is told at each start, with the nearest known key. Below \`storage\`, \`access\`, \`metadata\`,
  \`retention\`, \`quotas\`, \`mirrors\` and \`http.tls.selfsigned\`, and in \`auth\`, it is a mistake. With \`--strict\`, \`berth serve\` and \`berth check-config\` refuse it everywhere, and variables that
  name no key too.
- An empty text is no value: the default holds.
- \`true\` in quotes is a text. \`storage.delete.enabled: "true"\` allows no deletes, which is told; where registry:2 refuses a text, Berth does too.
- Of two equal keys the last one counts, and a second YAML document is passed over; both are told.
- \`0.0.0.0:5000\`, \`[::]:5000\` and \`:5000\` are every interface, IPv4 and IPv6.

## Variables

Every key can be set by a variable: \`REGISTRY_\`, then the key in capitals with \`_\` in the place of the dots. They win over the file; an empty
one unsets a key.

| Variable | Sets |
|---|---|
| \`REGISTRY_HTTP_ADDR=:5001\` | \`http.addr\` |
| \`REGISTRY_STORAGE=inmemory\` | the whole of \`storage\` |
| \`REGISTRY_STORAGE_MAINTENANCE_READONLY='{enabled: true}'\` | a section, written as YAML |
| \`REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED=true\` | one key of it |
| \`REGISTRY_HTTP_HEADERS_X-TEST='[one, two]'\` | one header |
| \`REGISTRY_LOG_FIELDS_SERVICE=registry\` | one field of the log |
| \`REGISTRY_HEALTH_TCP_0_ADDR=db:5432\` | the first entry of a list; \`HEALTH_TCPCHECKERS_0_ADDR\`, as registry:2 calls it, works too |
| \`REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_0=^https://\` | the first value of a list |
| \`BERTH_PROCESSES=2\` | \`http.processes\` |

A variable that names no key is told at each start and changes nothing. Those that Kubernetes makes for a service called \`registry\`
(\`REGISTRY_PORT=tcp://…\`) are left alone. A shell drops variables with a hyphen in their name: set those in the container's or the unit's
environment, or write the section as YAML.

Durations are numbers with units: \`10s\`, \`5m\`, \`168h\`, \`1h30m\`; below \`retention\` also whole days, \`30d\`.

## Keys
`

const LATER = `## Not yet

What registry:2 or registry:3 has and Berth does not have yet. Berth does not start when one of these asks for something; empty, or with
\`disabled: true\` on each hook, they are accepted.
`

const NOT_NEEDED = `## Not needed

Accepted with a notice; nothing below these keys has an effect. \`loglevel\` stands for \`log.level\`.
`
