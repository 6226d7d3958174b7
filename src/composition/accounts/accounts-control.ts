import { availableParallelism } from 'node:os'
import type { AccessController } from '../../access/access.ts'
import { AccessRules, type Who } from '../../access/access-rules.ts'
import type { Group, Robot, User } from '../../access/accounts/account.ts'
import { AccountBook } from '../../access/accounts/account-book.ts'
import { findAccountName } from '../../access/accounts/account-name.ts'
import { type AccountRecords, type AllRecords, accountRecords } from '../../access/accounts/account-records.ts'
import { Accounts, type Exclusively } from '../../access/accounts/accounts.ts'
import { CurrentAccounts } from '../../access/accounts/current-accounts.ts'
import type { RecordStorage } from '../../access/accounts/record-storage.ts'
import { AccountsAccess } from '../../access/accounts-access.ts'
import { type Administration, createAdministration } from '../../access/administration/administration.ts'
import { HtpasswdFile } from '../../access/htpasswd/htpasswd-file.ts'
import { Identities } from '../../access/identities.ts'
import { IssuedTokens } from '../../access/own-tokens/issued-tokens.ts'
import { SigningKeys } from '../../access/own-tokens/signing-keys.ts'
import { TokenIssuer } from '../../access/own-tokens/token-issuer.ts'
import type { StandInOf } from '../../access/own-tokens/token-scope.ts'
import { FailureLimit } from '../../access/passwords/failure-limit.ts'
import { PasswordLogin } from '../../access/passwords/password-login.ts'
import type { PasswordBook } from '../../access/passwords/passwords.ts'
import { SESSION_MS, Sessions, type SignIn } from '../../access/sessions.ts'
import type { AccessConfig, Config, StorageConfig } from '../../config/config.ts'
import { rootPath, TOKEN_PATH } from '../../http/answer/links.ts'
import type { Log } from '../../observe/log.ts'

interface AccountsAccessOptions {
  readonly storage: RecordStorage
  /** Keeps what the commands and the other processes change from happening at the same time. */
  readonly exclusively: Exclusively
  /** Another text after each of those changes on this machine. */
  readonly lastChange: () => Promise<string>
  readonly standInOf: StandInOf | undefined
  /** Other processes serve beside this one. */
  readonly isShared: boolean
  readonly log: Log
}

/** Storages where a look is no stat of a local file. */
const REMOTE: Readonly<Record<StorageConfig['driver']['kind'], boolean>> = { filesystem: false, inmemory: false, s3: true }
/** For so long a server trusts what it knew of accounts there, unless a command on the same machine has changed them. */
const TRUSTED_FOR_MS = 5_000

interface CreatedAccountsAccess {
  readonly access: AccessController
  readonly issuer: TokenIssuer
  readonly signIn: SignIn
  readonly administration: Administration
}

/** Puts together what section `access` asks for. Throws UnusableAccessError. */
export async function createAccountsAccess(
  config: Config,
  { rules: configured, admins, service, realm, tokenLifetimeMs, refreshLifetimeMs }: AccessConfig,
  { storage, exclusively, lastChange, standInOf, isShared, log }: AccountsAccessOptions,
): Promise<CreatedAccountsAccess> {
  const { auth, http } = config
  const file = auth.kind === 'htpasswd' ? await HtpasswdFile.open(auth.path, log) : undefined
  const rules = new AccessRules(configured)
  const changed = new Accounts(storage, exclusively)
  await changed.settle()
  const records = accountRecords(storage)
  await tellOfStrangers(rules, admins, { records, file, log })
  await tellOfNobody(records, file, log)
  const remote = REMOTE[config.storage.driver.kind] ? { remote: { trustedForMs: TRUSTED_FOR_MS, lastChange } } : {}
  const accounts = new CurrentAccounts({ storage, ...remote })
  const book = new AccountBook(accounts, file)
  // Processes that share a machine share its cores.
  const failures = new FailureLimit({ namesProxies: http.trustedProxies.areNamed })
  const login = new PasswordLogin({ book, failures, checksAtOnce: isShared ? 1 : availableParallelism() })
  const identities = new Identities({ accounts, book, login, failures, rules, admins })
  const keepForMs = Math.max(tokenLifetimeMs, refreshLifetimeMs, SESSION_MS)
  const keys = new SigningKeys({ storage, exclusively, keepForMs })
  const tokens = new IssuedTokens({ keys, service })
  const access = new AccountsAccess({ identities, tokens, service, realm: realmOf(http, realm) })
  const lifetimes = { tokenLifetimeMs, refreshLifetimeMs }
  const sessions = new Sessions({ accounts: access, tokens: async () => tokens })
  const issuer = new TokenIssuer({ identities, tokens, service, ...lifetimes, standInOf })
  const administration = createAdministration({ accounts: changed, records, current: accounts, identities, rules, admins })
  return { access, issuer, signIn: { kind: 'password', sessions }, administration }
}

/** Where tokens are to be had: what the operator says, else beside the registry, at the address that the client used. */
function realmOf({ host, prefix }: Config['http'], configured: string | undefined): (origin: string) => string {
  return (origin) => configured ?? `${origin}${rootPath(host, prefix)}${TOKEN_PATH}`
}

interface Told {
  readonly records: AllRecords
  readonly file: PasswordBook | undefined
  readonly log: Log
}

/** A rule may name an account that does not exist: a spelling mistake, or one that will be made later. A warning, no error. */
async function tellOfStrangers(rules: AccessRules, admins: readonly Who[], { records, file, log }: Told): Promise<void> {
  const isRecord = async (of: AccountRecords<User> | AccountRecords<Group> | AccountRecords<Robot>, text: string) => {
    const name = findAccountName(text)
    return name !== undefined && (await of.find(name)) !== undefined
  }
  const known = {
    user: async (name: string) => (await isRecord(records.users, name)) || (await file?.find(name)) !== undefined,
    group: async (name: string) => await isRecord(records.groups, name),
    robot: async (name: string) => await isRecord(records.robots, name),
  }
  for (const kind of ['user', 'group', 'robot'] as const) {
    const admin = admins.flatMap((who) => ('name' in who && who.kind === kind ? [who.name] : []))
    for (const name of new Set([...rules.named(kind), ...admin])) {
      if (!(await known[kind](name))) log.warn('a rule of section access names somebody who is not there', { [kind]: name })
    }
  }
}

async function tellOfNobody(records: AllRecords, file: PasswordBook | undefined, log: Log): Promise<void> {
  if (file !== undefined || (await records.users.names()).length > 0 || (await records.robots.names()).length > 0) return
  log.warn('nobody can log in yet; berth user add adds a user', {})
}
