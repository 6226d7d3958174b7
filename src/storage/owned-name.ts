/**
 * Names of what a process makes for itself and means to move or remove: they begin with the id of that process, so that any other one can
 * tell, when the owner is gone, that it is left behind. Without an owner a name tells nothing, and only its age does.
 */
export function newOwnedName(owner: string | undefined): string {
  const own = crypto.randomUUID()
  return owner === undefined ? own : `${owner}.${own}`
}

const OWNED = /^([0-9a-f-]{36})\.[0-9a-f-]{36}$/

export function ownerOf(name: string): string | undefined {
  return OWNED.exec(name)?.[1]
}
