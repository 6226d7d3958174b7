import { z } from 'zod'

const text = z.string()
const time = z.iso.datetime()
const next = text.nullable().meta({ description: 'To be sent as after; null: this was all.' })
const robot = z.strictObject({
  name: text,
  owner: text
    .nullable()
    .meta({ description: "The user whose robot it is, and beyond whose rights it may do nothing; null: the registry's." }),
  scopes: z
    .array(text)
    .nullable()
    .meta({ description: 'What it may do, and nothing else; null: all that its owner may, or the rules say.' }),
  ...{ created: time, expires: time.nullable(), expired: z.boolean() },
})

/** What is answered about accounts. Tests hold the answers against these. */
export const ACCOUNT_ANSWERS = {
  account: z.strictObject({
    name: text.nullable().meta({ description: 'null: the caller gave no name.' }),
    kind: z.enum(['anonymous', 'user', 'robot', 'bearer']),
    groups: z.array(text),
    admin: z.boolean(),
    robots: z.boolean().meta({ description: 'The caller may have robots of its own.' }),
    keepsAccounts: z.boolean().meta({ description: 'false: there is no section access, and none of these paths.' }),
  }),
  permission: z.strictObject({
    ...{ who: text, exists: z.boolean(), groups: z.array(text), repository: text },
    can: z.array(z.enum(['pull', 'push', 'delete', 'list'])),
    rule: z.int().min(1).nullable().meta({ description: 'The number of the rule that decides; null: none does.' }),
    scope: text.nullable().meta({ description: 'Of a robot: what on its token fits the repository first.' }),
    owner: text.nullable().meta({ description: "Of a user's robot: that user, for whom the rule decides." }),
    because: text,
  }),
  rules: z.strictObject({
    rules: z.array(
      z.strictObject({ number: z.int().min(1), who: z.array(text), repositories: z.array(text), can: z.array(text) }),
    ),
    admins: z.array(text),
  }),
  users: z.strictObject({
    users: z.array(z.strictObject({ name: text, created: time, passwordSet: time, groups: z.array(text), admin: z.boolean() })),
    next,
  }),
  user: z.strictObject({ name: text }),
  groups: z.strictObject({
    groups: z.array(
      z.strictObject({
        name: text,
        members: z.array(text).meta({ description: 'The first thousand.' }),
        memberCount: z.int().min(0),
      }),
    ),
    next,
  }),
  group: z.strictObject({ name: text }),
  member: z.strictObject({
    ...{ name: text, member: text },
    known: z
      .boolean()
      .optional()
      .meta({ description: 'false: no user of the storage has that name; one of an htpasswd file may.' }),
  }),
  robots: z.strictObject({ robots: z.array(robot), next }),
  newRobot: robot.extend({ token: text.meta({ description: 'Its password. It is never shown again.' }) }),
  robot: z.strictObject({ name: text }),
}
