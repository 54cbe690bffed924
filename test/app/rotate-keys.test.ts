import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { apiClient } from '../../scripts/lib/client.ts'
import type { Service } from '../../scripts/lib/service.ts'
import { keyOf, site } from '../support/service-processes.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const user = 'sarah@acme.test'
const password = 'a good password'

const mailServers = async () => {
  const tls = await testTls()
  const imap = await imapServer({ encryption: 'tls', tls: tls.good, users: { [user]: { password } } })
  const smtp = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
  t.teardown(() => Promise.all([imap.close(), smtp.close()]))
  return { ca: tls.ca, imap, smtp }
}

t.test('npm run rotate-keys', async (t) => {
  const { folder, start, run } = await site(t)
  const { ca, imap, smtp } = await mailServers()
  const file = join(folder, 'keys.json')
  // As an operator does it once, and without npm, which takes its time, from then on.
  const rotateByNpm = () => run('npm', ['run', '--silent', 'rotate-keys'])
  const rotate = (args: readonly string[] = [], settings: Record<string, string> = {}) =>
    run(process.execPath, [main, 'rotate-keys', ...args], settings)
  const env = {
    MAILTRAIL_EXTRA_CA: join(folder, 'authority.pem'),
    MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    MAILTRAIL_ALLOWED_PORTS: `${imap.port},${smtp.port}`,
  }
  writeFileSync(env.MAILTRAIL_EXTRA_CA, ca)
  const keys = () =>
    (JSON.parse(readFileSync(file, 'utf8')) as { encryptionKeys: { id: string }[] }).encryptionKeys.map(
      ({ id }) => id,
    )

  let service = await start('api', env)
  const key = keyOf([service])
  const server = (port: number, encryption: string) => ({
    host: 'localhost',
    port,
    encryption,
    username: user,
    password,
  })
  const { body: account } = await apiClient(service.url, key).send<{ id: string }>(
    'POST',
    '/v1/email-accounts',
    {
      address: user,
      owner: { kind: 'team' },
      settings: { displayName: 'Sarah' },
      connection: {
        provider: 'imap-smtp',
        smtp: server(smtp.port, 'starttls'),
        imap: server(imap.port, 'tls'),
      },
    },
  )
  /** The service logs in to both servers with its stored credentials. */
  const logsIn = async (by: Service, why: string) => {
    const tests = `/v1/email-accounts/${account.id}/connection-tests`
    const { body } = await apiClient(by.url, key).send('POST', tests)
    t.match(body, { ok: true }, why)
  }
  await logsIn(service, 'before')

  await t.test('a keyring in a file gets a new key, which a running service uses at once', async (t) => {
    const [first] = keys()
    const rotated = await rotateByNpm()
    t.equal(rotated.code, 0, rotated.err)
    const [old, second] = keys()
    t.equal(old, first)
    t.match(rotated.out, `${second} is the key in use; 1 account was resealed under it.`)
    await logsIn(service, 'while the service is running')
    t.match(await rotate(['--retire']), { code: 0, out: `no key but ${second}` })
    t.same(keys(), [second])
    await service.stop()
    service = await start('api', env)
    await logsIn(service, 'with the new key alone')
  })

  await t.test('a keyring in the environment is printed, alone, and used once it is set', async (t) => {
    const ring = readFileSync(file, 'utf8')
    rmSync(file)
    const printed = await rotate([], { MAILTRAIL_KEYS: ring })
    t.match(printed, { code: 0, err: /Nothing has changed yet/ })
    const next = { MAILTRAIL_KEYS: printed.out }
    await service.stop()
    service = await start('api', { ...env, ...next })
    t.match(await rotate([], next), { code: 0, out: /1 account was resealed/ })
    await logsIn(service, 'after it was set')
    const left = await rotate(['--retire'], next)
    t.match(left, { code: 0, err: /without them/ })
    await service.stop()
    service = await start('api', { ...env, MAILTRAIL_KEYS: left.out })
    await logsIn(service, 'with the new key alone')
  })
})
