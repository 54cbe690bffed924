import t from 'tap'
import { tileOfDomain, tileOfExchanger } from '../../../src/adapters/imap-smtp/presets.ts'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { unavailable } from '../../../src/adapters/imap-smtp/problems.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'

const guard = egressGuard({ allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] })
const provider = imapSmtpProvider(guard)

t.test('an account is called what people call its provider', async (t) => {
  const titleOf = (imap: string | null, smtp: string | null = null) => {
    const server = (host: string | null) =>
      host && { host, port: 993, encryption: 'tls' as const, username: 'ann' }
    return provider.title({ provider: 'imap-smtp', imap: server(imap), smtp: server(smtp) })
  }
  t.equal(titleOf('imap.gmail.com', 'smtp.gmail.com'), 'Gmail')
  t.equal(titleOf(null, 'smtp.office365.com'), 'Outlook')
  t.equal(titleOf('IMAP.mail.yahoo.com.'), 'Yahoo Mail')
  t.equal(titleOf('p71-imap.mail.me.com'), 'iCloud')
  t.equal(titleOf('imap.firm.test', 'smtp.gmail.com'), 'IMAP', 'by where it is read')
  t.equal(titleOf('notgmail.com'), 'IMAP')
  t.equal(titleOf(null, 'smtp.firm.test'), 'SMTP')
})

t.test('providers are known by their domains, in all countries where they are the same', async (t) => {
  const tiles = {
    gmail: ['gmail.com', 'googlemail.com'],
    outlook: ['outlook.com', 'hotmail.co.uk', 'live.nl', 'outlook.com.br', 'msn.com'],
    yahoo: ['yahoo.com', 'yahoo.de', 'yahoo.co.uk', 'yahoo.com.br', 'ymail.com'],
    icloud: ['icloud.com', 'me.com', 'mac.com'],
  }
  for (const [tile, domains] of Object.entries(tiles))
    for (const domain of domains) t.equal(tileOfDomain(domain), tile, domain)
  for (const domain of ['yahoo.co.jp', 'mygmail.com', 'gmail.com.evil.test', 'outlook.evil.test'])
    t.equal(tileOfDomain(domain), null, domain)
  t.equal(tileOfExchanger('mx-aol.mail.gm0.yahoodns.net'), null, 'AOL has servers of its own')
})

t.test('a refused login says what the provider requires', async (t) => {
  t.match(unavailable('login-rejected', 'imap.mail.yahoo.com').remedy, /app password/)
  t.match(unavailable('login-rejected', 'imap.mail.me.com').remedy, /app-specific password/)
  t.match(unavailable('login-disabled', 'outlook.office365.com').remedy, /Sign in with Microsoft/)
})
