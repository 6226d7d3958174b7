import type { Access } from './client-recipe.ts'
import { CLIENTS, type ClientName } from './clients.ts'

/** What is done for these clients, as one script for a POSIX shell that runs as root, with what it does in comments. */
export function setupScript(access: Access, names: readonly ClientName[]): string {
  return `${names.flatMap((name) => [...describe(access, name), ...CLIENTS[name](access).commands, '']).join('\n')}`
}

/** The same, for the clients that are there; it says which ones it has set up, and fails when there is none. */
export function setupScriptForWhatIsThere(access: Access, names: readonly ClientName[]): string {
  const steps = names.flatMap((name) => {
    const { title, isThere, commands } = CLIENTS[name](access)
    return [
      `if { ${isThere}; } >/dev/null 2>&1; then`,
      ...(commands.length > 0 ? commands : [':']),
      `echo ${JSON.stringify(`${title}: done`)}`,
      'found=yes',
      'fi',
    ]
  })
  const outcome = '[ -n "$found" ] || { echo "None of these clients is here." >&2; exit 1; }'
  return `${['set -eu', 'found=', ...steps, outcome].join('\n')}\n`
}

function describe(access: Access, name: ClientName): string[] {
  const { title, remark } = CLIENTS[name](access)
  return [`# ${title}`, `# ${remark}`]
}
