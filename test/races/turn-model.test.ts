import { expect, test } from 'bun:test'
import { type Acting, ALL_RULES, type Scenario, type Step, type TurnRules, tryAll } from '../support/turn-model.ts'

/** Rows are `value number`; '' stands for a row that has gone. */
const contentOf = (row: unknown) => (typeof row === 'string' ? (row.split(' ')[0] ?? '') : '')
const numberOf = (row: unknown) => (typeof row === 'string' ? Number(row.split(' ')[1] ?? 0) : 0)

interface Push {
  readonly repository: string
  readonly tag?: string
  /** Bytes that it brings: other repositories may have them too. */
  readonly blob?: string
  readonly value: string
}

/** Claims on a name: `claim NAME OPERATION` says 'alone' or 'shared'. */
const claimsOn = (acting: Acting, name: string) => acting.rowsOf(`claim ${name}`)
const isTaken = (acting: Acting, name: string, alone: boolean) =>
  claimsOn(acting, name).some((key) => alone || acting.row(key) === 'alone')

/** The claim and the confirmation of a push are narrow. */
function push(operation: string, { repository, tag, blob, value }: Push): readonly Step[] {
  const tagName = `tag/${repository}/${tag}`
  const blobName = `blob/${blob}`
  const mayClaim = (acting: Acting) =>
    (tag === undefined || !isTaken(acting, tagName, true)) && (blob === undefined || !isTaken(acting, blobName, false))
  return [
    (acting) => acting.waitUntil(mayClaim(acting)),
    (acting) => acting.begin(repository),
    (acting) => acting.note('number', acting.draw()),
    (acting) => mayClaim(acting) || acting.rollBackTo(0),
    (acting) => {
      if (tag !== undefined) acting.set(`claim ${tagName} ${operation}`, 'alone')
      if (blob !== undefined) acting.set(`claim ${blobName} ${operation}`, 'shared')
    },
    (acting) => acting.commit(),
    // A file that is there already is left as it is.
    (acting) => blob !== undefined && acting.place(blobName, 'there'),
    (acting) => acting.place(tag === undefined ? `link/${repository}/${blob}` : tagName, value),
    (acting) => acting.begin(repository),
    (acting) => acting.rules.drawnAnew && acting.note('number', acting.draw()),
    (acting) => {
      const number = acting.noted('number')
      if (blob !== undefined) {
        acting.set(`row ${blobName}`, `there ${number}`)
        acting.set(`row link/${repository}/${blob}`, `${value} ${number}`)
        acting.set(`claim ${blobName} ${operation}`, '')
      }
      if (tag === undefined) return
      acting.set(`row ${tagName}`, `${value} ${number}`)
      acting.set(`move ${number} ${tagName}`, value)
      acting.set(`claim ${tagName} ${operation}`, '')
    },
    (acting) => acting.commit(),
  ]
}

/** Notes the number, looks at the storage, and sets the row right. */
function scan(name: string): readonly Step[] {
  return [
    (acting) => acting.begin(),
    (acting) => acting.note('number', acting.lastNumber()),
    (acting) => acting.commit(),
    (acting) => acting.note('found', acting.look(name)),
    (acting) => acting.begin(),
    (acting) => {
      const isNewer = acting.rules.skipsNewer && numberOf(acting.row(`row ${name}`)) > Number(acting.noted('number'))
      if (isNewer || claimsOn(acting, name).length > 0) acting.rollBackTo(Number.POSITIVE_INFINITY)
    },
    (acting) => acting.set(`row ${name}`, acting.noted('found') === null ? '' : `${acting.noted('found')} ${acting.draw()}`),
    (acting) => acting.commit(),
  ]
}

/** Takes bytes that no link needs. */
function collect(blob: string): readonly Step[] {
  const name = `blob/${blob}`
  return [
    (acting) => acting.begin(),
    (acting) => {
      const isLinked = acting.rowsOf('row').some((key) => key.startsWith('row link/'))
      const isClaimed = acting.rules.sparesClaimed && claimsOn(acting, name).length > 0
      if (isLinked || isClaimed) acting.rollBackTo(Number.POSITIVE_INFINITY)
    },
    (acting) => acting.set(`claim ${name} collector`, 'alone'),
    (acting) => acting.commit(),
    (acting) => acting.place(name, null),
    (acting) => acting.begin(),
    (acting) => {
      acting.set(`row ${name}`, '')
      acting.set(`claim ${name} collector`, '')
    },
    (acting) => acting.commit(),
  ]
}

/** A rule decides by what it has read, and deletes later what has not changed since. */
function decideAndDelete(name: string): readonly Step[] {
  return [
    (acting) => acting.note('asOf', acting.lastNumber()),
    (acting) => acting.note('seen', contentOf(acting.row(`row ${name}`))),
    (acting) => acting.begin(),
    (acting) => {
      const row = acting.row(`row ${name}`)
      const isOther = numberOf(row) > Number(acting.noted('asOf'))
      if (contentOf(row) === '' || isOther || claimsOn(acting, name).length > 0) acting.rollBackTo(Number.POSITIVE_INFINITY)
      else acting.note('deleted', contentOf(row))
    },
    (acting) => acting.set(`claim ${name} rule`, 'alone'),
    (acting) => acting.commit(),
    (acting) => acting.place(name, null),
    (acting) => acting.begin(),
    (acting) => {
      acting.set(`row ${name}`, '')
      acting.set(`claim ${name} rule`, '')
    },
    (acting) => acting.commit(),
  ]
}

/** Takes the moves of tags that wait to the storage. */
function flush(): readonly Step[] {
  return [
    (acting) => acting.note('listed', acting.rowsOf('move')),
    (acting) => acting.place('history', acting.noted('listed')),
    (acting) => acting.begin(),
    (acting) => {
      const listed = acting.noted('listed')
      const keys = Array.isArray(listed) ? (listed as readonly string[]) : []
      const last = Math.max(0, ...keys.map(numberOf))
      for (const key of acting.rules.byKeys ? keys : acting.rowsOf('move').filter((each) => numberOf(each) <= last))
        acting.set(key, '')
    },
    (acting) => acting.commit(),
  ]
}

const agreesOn =
  (...names: readonly string[]): Scenario['wrong'] =>
  ({ rows, storage }) =>
    names.find((name) => contentOf(rows[`row ${name}`]) !== (storage[name] ?? ''))

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'two pushes of one tag, and its scan': {
    actors: {
      one: push('one', { repository: 'a', tag: 'latest', value: '1' }),
      two: push('two', { repository: 'a', tag: 'latest', value: '2' }),
      scan: scan('tag/a/latest'),
    },
    wrong: agreesOn('tag/a/latest'),
  },
  'two pushes of one blob to two repositories, and its scan': {
    actors: {
      one: push('one', { repository: 'a', blob: 'x', value: 'there' }),
      two: push('two', { repository: 'b', blob: 'x', value: 'there' }),
      scan: scan('blob/x'),
    },
    wrong: agreesOn('blob/x', 'link/a/x', 'link/b/x'),
  },
  'two pushes of a blob that nothing needs, and its removal': {
    actors: {
      one: push('one', { repository: 'a', blob: 'x', value: 'there' }),
      two: push('two', { repository: 'b', blob: 'x', value: 'there' }),
      collector: collect('x'),
    },
    rows: { 'row blob/x': 'there 0' },
    storage: { 'blob/x': 'there' },
    wrong: agreesOn('blob/x', 'link/a/x', 'link/b/x'),
  },
  'a push, and a rule that decides by what it has read': {
    actors: {
      one: push('one', { repository: 'a', tag: 'latest', value: 'new' }),
      two: push('two', { repository: 'b', tag: 'latest', value: 'new' }),
      rule: decideAndDelete('tag/a/latest'),
    },
    rows: { 'row tag/a/latest': 'old 0' },
    storage: { 'tag/a/latest': 'old' },
    wrong: ({ memory }) =>
      memory.rule?.deleted === undefined || memory.rule.deleted === memory.rule.seen ? undefined : 'what no rule has seen',
  },
  'two pushes, and the history of their tags': {
    actors: {
      one: push('one', { repository: 'a', tag: 'latest', value: '1' }),
      two: push('two', { repository: 'b', tag: 'latest', value: '2' }),
      history: flush(),
    },
    wrong: ({ rows, storage }) => {
      const there = storage.history
      const isKept = (key: string) => rows[key] !== '' || (Array.isArray(there) && there.includes(key))
      return Object.keys(rows).find((key) => key.startsWith('move ') && !isKept(key))
    },
  },
}

test('in every order of their steps, operations leave rows that say what the storage has', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    const { states, wrong } = tryAll(scenario, ALL_RULES)
    expect([name, wrong]).toEqual([name, undefined])
    expect(states).toBeGreaterThan(500)
  }
})

test.each(Object.keys(ALL_RULES) as readonly (keyof TurnRules)[])('without the rule %s some order goes wrong', (rule) => {
  const rules = { ...ALL_RULES, [rule]: false }

  expect(Object.values(SCENARIOS).some((scenario) => tryAll(scenario, rules).wrong !== undefined)).toBe(true)
})
