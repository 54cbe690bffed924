import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { ImapFlow } from 'imapflow'
import type { Test } from 'tap'
import { until } from '../client.ts'
import { freePort } from '../free-port.ts'
import type { TestTls } from './tls.ts'

export type SeedFile = {
  readonly raw: Buffer
  /** Letters of Maildir: D draft, F flagged, R answered, S seen, T deleted. Null: nobody has seen that it arrived. */
  readonly flags: string | null
  readonly at: Date
}

export type Dovecot = {
  readonly host: string
  /** IMAP, encrypted from the first byte. */
  readonly imapPort: number
  readonly lmtpPort: number
  /** Where Postfix asks whether a password is right. */
  readonly saslPort: number
  /** Puts mail into a folder as files, past all protocols; `INBOX` or a name. Before anybody looks. */
  readonly seed: (user: string, folder: string, files: readonly SeedFile[]) => void
  /** The names of a folder's files, which are its messages and their flags (Maildir). */
  readonly files: (user: string, folder: string) => string[]
  /** Another client of the mailbox, to be logged out by its user. */
  readonly login: (user: string) => Promise<ImapFlow>
  /** As after a restored backup: UIDs of old are void. Nobody may be logged in. */
  readonly forgetUids: (user: string, folder: string) => void
  /** From now on access tokens are those signed with this key; those of before are void. */
  readonly changeTokenKey: (key: TokenKey) => void
  readonly log: () => string
}

/** What signs access tokens, and what they call it (`kid`). */
export type TokenKey = { readonly id: string; readonly secret: Buffer }

/** Access tokens in place of passwords: JWTs, signed with this key (HS256), whose `email` is the user; by these mechanisms. */
export type TokenLogins = {
  readonly key: TokenKey
  readonly mechanisms: readonly ('oauthbearer' | 'xoauth2')[]
}

const program = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file)) ?? null

/** Finds a program that a test needs, also where it is not on an ordinary user's path. @throws Error where there is none */
export const requireProgram = (name: string): string => {
  const found = program(name)
  if (found === null) throw new Error(`${name} is not installed`)
  return found
}

/** For `skip` of a test that needs these programs. In CI such a test runs, and fails. */
export const skipWithout = (...names: string[]): string | false => {
  const missing = names.filter((name) => program(name) === null)
  return missing.length > 0 && !process.env['CI'] && `not installed: ${missing.join(', ')}`
}

/** Whoever it runs as: it refuses to be root, so then nobody. */
const runAs = () => {
  const { uid, gid, username } = userInfo()
  if (uid !== 0) return { uid, gid, user: username, group: groupName(gid) }
  return { uid: 65534, gid: 65534, user: 'nobody', group: groupName(65534) }
}

const groupName = (gid: number): string => {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(gid))
  return line?.split(':')[0] ?? String(gid)
}

/**
 * Starts Dovecot 2.3 on loopback with these users and their passwords, mail in Maildir, in a folder of its own. It ends
 * with `t`.
 */
export const startDovecot = async (
  t: Test,
  {
    tls,
    users,
    extensions,
    tokens,
    quotaKilobytes,
  }: {
    tls: TestTls
    users: Readonly<Record<string, string>>
    /** What it says that it can, beside the least that mail programs need; all that it can unless given. */
    extensions?: readonly string[]
    tokens?: TokenLogins
    /** How much each mailbox may hold; nothing is said of it unless given. */
    quotaKilobytes?: number
  },
): Promise<Dovecot> => {
  const dovecot = requireProgram('dovecot')
  const version = spawnSync(dovecot, ['--version'], { encoding: 'utf8' }).stdout.trim()
  if (!version.startsWith('2.3.')) throw new Error(`The configuration is for Dovecot 2.3, not ${version}`)
  const folder = mkdtempSync(join(tmpdir(), 'mailtrail-dovecot-'))
  const who = runAs()
  const ownFolder = (path: string) => {
    mkdirSync(path, { recursive: true })
    chownSync(path, who.uid, who.gid)
  }
  const [imapPort, lmtpPort, saslPort] = [await freePort(), await freePort(), await freePort()]
  for (const name of ['', 'run', 'mail', 'home']) ownFolder(join(folder, name))
  chmodSync(folder, 0o755)
  const write = (name: string, text: string) => {
    const file = join(folder, name)
    writeFileSync(file, text, { mode: 0o600 })
    chownSync(file, who.uid, who.gid)
  }
  write('key.pem', tls.good.key)
  write('cert.pem', tls.good.cert)
  write(
    'passwd',
    Object.entries(users)
      .map(([user, password]) => `${user}:{PLAIN}${password}\n`)
      .join(''),
  )
  const tokenKeys = 'keys/default/HS256'
  const writeTokenKey = ({ id, secret }: TokenKey) => write(join(tokenKeys, id), secret.toString('base64'))
  if (tokens !== undefined) {
    for (const name of ['keys', 'keys/default', tokenKeys]) ownFolder(join(folder, name))
    writeTokenKey(tokens.key)
    write('oauth2.conf', tokenSettings(folder))
  }
  const mechanisms = tokens?.mechanisms ?? []
  write(
    'dovecot.conf',
    configuration({
      folder,
      imapPort,
      lmtpPort,
      saslPort,
      extensions,
      mechanisms,
      quotaKilobytes,
      ...who,
    }),
  )
  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '')

  const child = spawn(dovecot, ['-F', '-c', join(folder, 'dovecot.conf')], {
    uid: who.uid,
    gid: who.gid,
    cwd: '/',
    // Tap's own would write into the project.
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  // A test file that is given up runs no teardown.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  t.teardown(async () => {
    process.removeListener('exit', kill)
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })

  const login = async (user: string): Promise<ImapFlow> => {
    const client = new ImapFlow({
      host: 'localhost',
      port: imapPort,
      secure: true,
      tls: { ca: tls.ca },
      auth: { user, pass: users[user] ?? '' },
      disableAutoIdle: true,
      logger: false,
    })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const first = Object.keys(users)[0]!
  const answers = async () => {
    if (child.exitCode !== null) throw new Error(`Dovecot ended: ${log()}`)
    return login(first).then(
      (client) => client.logout().then(() => true),
      () => false,
    )
  }
  await until('Dovecot', answers, (ready) => ready)

  const pathOf = (user: string, name: string) =>
    join(folder, 'mail', user, name === 'INBOX' ? '' : `.${name}`)
  return {
    host: 'localhost',
    imapPort,
    lmtpPort,
    saslPort,
    seed: (user, name, files) => {
      const path = pathOf(user, name)
      for (const part of ['', 'cur', 'new', 'tmp']) ownFolder(join(path, part))
      if (name !== 'INBOX') writeFileSync(join(path, 'maildirfolder'), '')
      files.forEach(({ raw, flags, at }, index) => {
        const stamp = `${Math.floor(at.getTime() / 1000)}.M${String(index).padStart(6, '0')}P1.test`
        const file = join(path, flags === null ? `new/${stamp}` : `cur/${stamp}:2,${flags}`)
        writeFileSync(file, raw)
        utimesSync(file, at, at)
      })
    },
    files: (user, name) =>
      ['cur', 'new'].flatMap((part) =>
        readdirSync(join(pathOf(user, name), part)).map((file) => `${part}/${file}`),
      ),
    login,
    forgetUids: (user, name) => {
      const path = pathOf(user, name)
      // A mailbox that nobody has opened yet is not on disk, and there are no UIDs to forget.
      if (!existsSync(path)) return
      const indexes = readdirSync(path).filter((file) => /^dovecot(?:-uidlist|\.index)/.test(file))
      for (const file of indexes) rmSync(join(path, file))
    },
    changeTokenKey: (key) => {
      for (const id of readdirSync(join(folder, tokenKeys))) rmSync(join(folder, tokenKeys, id))
      writeTokenKey(key)
      // A process keeps the keys that it has read; those that take new logins of IMAP begin anew now.
      child.kill('SIGHUP')
    },
    log,
  }
}

const tokenDatabase = ({ folder, mechanisms }: { folder: string; mechanisms: readonly string[] }) => `
passdb {
  driver = oauth2
  mechanisms = ${mechanisms.join(' ')}
  args = ${folder}/oauth2.conf
}`

const tokenSettings = (folder: string) => `
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=${folder}/keys/
username_attribute = email
`

const quotaOf = (kilobytes: number) => `
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_rule = *:storage=${kilobytes}K
  quota_vsizes = yes
}`

const LEAST = ['IMAP4rev1', 'ID', 'ENABLE', 'NAMESPACE', 'UIDPLUS', 'SPECIAL-USE', 'MOVE', 'LITERAL+']

const configuration = (it: {
  folder: string
  imapPort: number
  lmtpPort: number
  saslPort: number
  extensions: readonly string[] | undefined
  mechanisms: readonly string[]
  quotaKilobytes: number | undefined
  user: string
  group: string
}): string => `
base_dir = ${it.folder}/run
state_dir = ${it.folder}/run
log_path = ${it.folder}/log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = ${it.user}
default_internal_group = ${it.group}
default_login_user = ${it.user}
first_valid_uid = 1
ssl = required
ssl_cert = <${it.folder}/cert.pem
ssl_key = <${it.folder}/key.pem
mail_location = maildir:${it.folder}/mail/%u
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    special_use = \\Sent
    auto = subscribe
  }
  mailbox Drafts {
    special_use = \\Drafts
    auto = subscribe
  }
  mailbox Archive {
    special_use = \\Archive
    auto = subscribe
  }
}
auth_failure_delay = 0
auth_mechanisms = ${['plain', ...it.mechanisms].join(' ')}
${it.mechanisms.length === 0 ? '' : tokenDatabase(it)}
passdb {
  driver = passwd-file
  mechanisms = plain none
  args = scheme=PLAIN ${it.folder}/passwd
}
userdb {
  driver = static
  args = uid=${it.user} gid=${it.group} home=${it.folder}/home/%u
}
${it.quotaKilobytes === undefined ? '' : quotaOf(it.quotaKilobytes)}
${it.extensions === undefined ? '' : `imap_capability = ${[...LEAST, ...it.extensions].join(' ')}`}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${it.imapPort}
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service lmtp {
  inet_listener lmtp {
    port = ${it.lmtpPort}
  }
}
service auth {
  inet_listener sasl {
    port = ${it.saslPort}
  }
}
`
