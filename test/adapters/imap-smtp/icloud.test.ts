import t, { type Test } from 'tap'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { discovery } from '../../../src/adapters/imap-smtp/discovery/discover.ts'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'

const certificates = await testTls()
const never = new AbortController().signal
const address = 'ann@icloud.com'
const password = 'abcd-efgh-ijkl-mnop'

/** iCloud on loopback, where one user is known by two names. */
const icloud = async (t: Test) => {
  const keys = await certificates.certify(['imap.mail.me.com', 'smtp.mail.me.com'])
  const imap = await imapServer({ encryption: 'tls', tls: keys, users: { ann: { password } } })
  const smtp = await smtpSink({ encryption: 'starttls', tls: keys, users: { [address]: password } })
  t.teardown(() => Promise.all([imap.close(), smtp.close()]))
  const guard = egressGuard(
    {
      allowedNetworks: ['127.0.0.0/8'],
      allowedPorts: [imap.port, smtp.port],
      clearTextHosts: [],
      extraCa: [certificates.ca],
    },
    { resolve: () => Promise.resolve(['127.0.0.1']) },
  )
  const provider = imapSmtpProvider(guard)
  t.teardown(() => provider.close())
  return { guard, provider, ports: { imap: imap.port, smtp: smtp.port } }
}

t.test('an address and an app-specific password are enough', async (t) => {
  const { guard, provider, ports } = await icloud(t)
  const found = await discovery(guard)(address, never)
  const entered = (protocol: 'imap' | 'smtp') => {
    const { host, encryption, username } = found[protocol]!
    return { host, port: ports[protocol], encryption, username, password }
  }
  const form = { provider: 'imap-smtp', imap: entered('imap'), smtp: entered('smtp') }
  const { ok, steps } = await provider.test(provider.admit(form, null), never)
  t.ok(ok, JSON.stringify(steps.filter((step) => !step.ok)))
})

t.test('a mailbox is the same by either name, and of no other user', async (t) => {
  const { provider } = await icloud(t)
  const mailboxOf = (username: string) =>
    provider.admit(
      { provider: 'imap-smtp', imap: { host: 'imap.mail.me.com', username, password }, smtp: null },
      null,
    ).mailbox
  for (const name of ['ann@icloud.com', 'Ann@me.com', 'ANN']) t.equal(mailboxOf(name), mailboxOf('ann'), name)
  for (const name of ['bob@icloud.com', 'ann@firm.test']) t.not(mailboxOf(name), mailboxOf('ann'), name)
})
