const PREFIX = 'com.centurylinklabs.watchtower'

/** What labels for Watchtower ask for, in the words of Berth's. Its pre-check, post-check, depends-on and stop-signal have no like here. */
export function inOurWords(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const words: Record<string, string> = {}
  const label = (name: string) => labels[`${PREFIX}${name}`]
  const say = (name: string, text: string | undefined) => {
    if (text !== undefined) words[name] = text
  }
  say('berth.deploy', label('.monitor-only') === 'true' && label('.enable') !== 'false' ? 'watch' : label('.enable'))
  say('berth.pull', label('.no-pull') === 'true' ? 'false' : undefined)
  say('berth.scope', label('.scope'))
  say('berth.hook.before', label('.lifecycle.pre-update'))
  say('berth.hook.after', label('.lifecycle.post-update'))
  const minutes = label('.lifecycle.pre-update-timeout') ?? label('.lifecycle.post-update-timeout')
  if (minutes !== undefined && /^[1-9]\d{0,3}$/.test(minutes)) words['berth.hook.timeout'] = `${minutes}m`
  return words
}
