import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { until } from '../client.ts'
import { freePort } from '../free-port.ts'
import type { TestTls } from './tls.ts'
import { requireProgram, skipWithout, type Dovecot } from './dovecot.ts'

export type Postfix = {
  readonly host: string
  /** SMTP with STARTTLS, for those whom Dovecot lets log in. */
  readonly port: number
  readonly log: () => string
}

/** For `skip` of a test that needs it: it takes root, and a user `postfix`. In CI root's test runs, and fails. */
export const skipWithoutPostfix = (): string | false =>
  process.getuid?.() === 0 ? skipWithout('dovecot', 'postfix') : 'Postfix starts for root alone'

/**
 * Starts Postfix on loopback, with a configuration and a queue of its own. It takes mail of users of `dovecot`, delivers
 * to `domains` through Dovecot's LMTP, and has no way to anywhere else. It ends with `t`.
 */
export const startPostfix = async (
  t: Test,
  { tls, dovecot, domains }: { tls: TestTls; dovecot: Dovecot; domains: readonly string[] },
): Promise<Postfix> => {
  const postfix = requireProgram('postfix')
  const folder = mkdtempSync(join(tmpdir(), 'mailtrail-postfix-'))
  chmodSync(folder, 0o755)
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name), { mode: 0o755 })
  if (spawnSync('chown', ['postfix', join(folder, 'data')]).status !== 0) throw new Error('No user postfix')
  const port = await freePort()
  const write = (name: string, text: string, mode = 0o644) =>
    writeFileSync(join(folder, 'etc', name), text, { mode })
  write('key.pem', tls.good.key, 0o600)
  write('cert.pem', tls.good.cert)
  write('main.cf', settings({ folder, domains, ...dovecot }))
  write('master.cf', services(port))
  const logFile = join(folder, 'log')
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')

  const child = spawn(postfix, ['-c', join(folder, 'etc'), 'start-fg'], {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  // What was started is a script; its child, the master, ends all others. As long as it is starting there is none.
  const stop = (): boolean => {
    const file = join(folder, 'queue/pid/master.pid')
    const master = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
    return child.exitCode === null && master > 0 && process.kill(master)
  }
  // A test file that is given up runs no teardown.
  process.once('exit', stop)
  t.teardown(async () => {
    process.removeListener('exit', stop)
    const stopping = setInterval(() => {
      if (stop()) clearInterval(stopping)
    }, 100)
    await ended
    clearInterval(stopping)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  const listens = () =>
    new Promise<boolean>((resolve) => {
      if (child.exitCode !== null) throw new Error(`Postfix ended: ${log()}`)
      const socket = net.connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true)).once('error', () => resolve(false))
      socket.once('close', () => resolve(false))
      socket.once('data', () => socket.end('QUIT\r\n'))
    })
  await until('Postfix', listens, (ready) => ready)
  return { host: 'localhost', port, log }
}

const settings = (it: {
  folder: string
  lmtpPort: number
  saslPort: number
  domains: readonly string[]
}): string => `
compatibility_level = 3.6
queue_directory = ${it.folder}/queue
data_directory = ${it.folder}/data
maillog_file = ${it.folder}/log
maillog_file_prefixes = ${it.folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.acme.test
myorigin = mx.acme.test
mydestination =
mynetworks =
message_drop_headers =
alias_maps =
alias_database =
virtual_mailbox_domains = ${it.domains.join(' ')}
virtual_transport = lmtp:inet:127.0.0.1:${it.lmtpPort}
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
smtp_dns_support_level = disabled
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = ${it.folder}/etc/cert.pem
smtpd_tls_key_file = ${it.folder}/etc/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${it.saslPort}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_peername_lookup = no
`

const services = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
