import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { discovery } from '../../../src/adapters/imap-smtp/discovery/discover.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import { dnsServer, type Zone } from '../../support/dns-server.ts'

const certificates = await testTls()
const never = new AbortController().signal
const domain = 'firm.test'
const autoconfig = `autoconfig.${domain}`
const path = '/mail/config-v1.1.xml'
const wellKnown = `/.well-known/autoconfig${path}`
const hosts = [domain, autoconfig, 'files.other.test', 'inside.firm.test']
const keys = await certificates.certify(hosts)

type Page = (request: IncomingMessage, response: ServerResponse) => void

const file = (servers: string): string =>
  `<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="${domain}"><domain>${domain}</domain>${servers}</emailProvider></clientConfig>`
const server = (
  kind: 'incoming' | 'outgoing',
  type: string,
  host: string,
  port: number,
  socketType: string,
  username = '%EMAILADDRESS%',
) => `<${kind}Server type="${type}">
  <hostname>${host}</hostname><port>${port}</port><socketType>${socketType}</socketType>
  <username>${username}</username><authentication>password-cleartext</authentication>
</${kind}Server>`
const both = (host: string) =>
  file(
    server('incoming', 'imap', host, 993, 'SSL') +
      server('outgoing', 'smtp', `out.${domain}`, 587, 'STARTTLS'),
  )
const page =
  (text: string, status = 200): Page =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'text/xml' }).end(text)
const redirect =
  (to: string): Page =>
  (_request, response) =>
    response.writeHead(302, { location: to }).end()

/** What is found out about ann@firm.test where this is in the DNS, and these pages, by host and path, on the web. */
const world = async (
  t: Test,
  {
    zone = {},
    pages = {},
    inside = [] as readonly string[],
    totalMs = 20_000,
  }: {
    zone?: Zone
    pages?: Readonly<Record<string, Page>>
    /** Names of hosts that lie in networks which are not allowed. */
    inside?: readonly string[]
    totalMs?: number
  },
  address = `ann@${domain}`,
) => {
  const requests: string[] = []
  const web = https.createServer(keys, (request, response) => {
    const asked = `${request.headers.host}${request.url}`
    requests.push(asked)
    const found = pages[asked]
    if (found === undefined) response.writeHead(404).end()
    else found(request, response)
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    web.closeAllConnections()
    web.close()
  })
  const { port: httpsPort } = web.address() as AddressInfo
  const guard = egressGuard(
    {
      allowedNetworks: ['127.0.0.0/8'],
      allowedPorts: [],
      clearTextHosts: [],
      extraCa: [certificates.ca],
    },
    {
      resolve: async (host) => {
        if (inside.includes(host)) return ['10.0.0.7']
        if (host.endsWith('.test')) return ['127.0.0.1']
        throw Object.assign(new Error('unknown'), { code: 'ENOTFOUND' })
      },
    },
  )
  const dnsServers = [await dnsServer(t, zone)]
  const found = await discovery(guard, { dnsServers, httpsPort, totalMs })(address, never)
  const outcomes = Object.fromEntries(
    found.asked.map(({ source, where, outcome }) => [`${source} ${where}`, outcome]),
  )
  return { ...found, outcomes, requests }
}

t.test('what a domain publishes for mail programs fills the form, and says where it was', async (t) => {
  const found = await world(t, {
    pages: { [`${autoconfig}${path}`]: page(both('mail.other.test')) },
    zone: { [`_imaps._tcp.${domain}`]: { srv: [{ priority: 0, port: 993, target: `srv.${domain}` }] } },
  })
  t.match(found, {
    tile: 'imap',
    imap: {
      host: 'mail.other.test',
      port: 993,
      encryption: 'tls',
      username: `ann@${domain}`,
      foundBy: { source: 'autoconfig', where: `https://${autoconfig}${path}` },
      isElsewhere: true,
    },
    smtp: { host: `out.${domain}`, port: 587, encryption: 'starttls', isElsewhere: false },
  })
  t.equal(
    found.outcomes[`srv _imaps._tcp.${domain}`],
    'found',
    'the DNS names another, which counts for less',
  )
  t.notMatch(found.requests.join(), /ann/, 'nobody is told the address')
})

t.test('of a file only what is encrypted and complete counts, its placeholders filled in', async (t) => {
  const { imap, smtp } = await world(t, {
    pages: {
      [`${domain}${wellKnown}`]: page(
        file(
          [
            '<!-- <incomingServer type="imap"> -->',
            server('incoming', 'pop3', `pop.${domain}`, 995, 'SSL'),
            server('incoming', 'imap', `plain.${domain}`, 143, 'plain'),
            server('incoming', 'imap', 'no host name', 993, 'SSL'),
            server('incoming', 'imap', `imap.%EMAILDOMAIN%`, 143, 'STARTTLS', '%EMAILLOCALPART%'),
            server('outgoing', 'smtp', `out.${domain}`, 99_999, 'SSL'),
          ].join(''),
        ),
      ),
    },
  })
  t.match(imap, { host: `imap.${domain}`, port: 143, encryption: 'starttls', username: 'ann' })
  t.equal(smtp, null)
})

t.test('SRV records name servers by priority, and may say that there is none', async (t) => {
  const found = await world(t, {
    zone: {
      [`_imaps._tcp.${domain}`]: {
        srv: [
          { priority: 10, port: 993, target: `second.${domain}` },
          { priority: 5, port: 993, target: `first.${domain}` },
        ],
      },
      [`_imap._tcp.${domain}`]: { srv: [{ priority: 5, port: 143, target: `plain.${domain}` }] },
      [`_submissions._tcp.${domain}`]: { srv: [{ priority: 0, port: 0, target: '.' }] },
      [`_submission._tcp.${domain}`]: { srv: [{ priority: 9, port: 587, target: `out.${domain}` }] },
    },
  })
  t.match(found.imap, {
    host: `first.${domain}`,
    encryption: 'tls',
    foundBy: { source: 'srv', where: `_imaps._tcp.${domain}` },
  })
  t.match(found.smtp, { host: `out.${domain}`, port: 587, encryption: 'starttls' })
})

t.test('who takes in the mail of a domain says where its mailboxes are', async (t) => {
  const exchangers = {
    gmail: 'aspmx.l.google.com',
    outlook: 'firm-test.mail.protection.outlook.com',
    yahoo: 'mta5.am0.yahoodns.net',
    icloud: 'mx01.mail.icloud.com',
  }
  for (const [tile, exchange] of Object.entries(exchangers)) {
    const zone: Zone = {
      [domain]: {
        mx: [
          { priority: 20, exchange: 'backup.other.test' },
          { priority: 1, exchange },
        ],
      },
    }
    const found = await world(t, { zone })
    t.match(found, { tile, imap: { foundBy: { source: 'mx', where: domain }, isElsewhere: false } }, exchange)
    t.equal(found.imap?.username, `ann@${domain}`, 'of which a provider knows no part')
  }
})

t.test('where nothing is published, nothing is invented', async (t) => {
  const found = await world(t, { zone: { [domain]: { mx: [{ priority: 1, exchange: `mx.${domain}` }] } } })
  t.match(found, { tile: 'imap', imap: null, smtp: null })
  t.same(new Set(Object.values(found.outcomes)), new Set(['nothing']))
  t.equal(found.asked.length, 6, 'and all of it was asked')
})

t.test('a DNS that cannot tell is not one that has nothing', async (t) => {
  const found = await world(t, { zone: { [domain]: 'broken', [`_imaps._tcp.${domain}`]: 'broken' } })
  t.equal(found.outcomes[`mx ${domain}`], 'failed')
  t.equal(found.outcomes[`srv _imaps._tcp.${domain}, _imap._tcp.${domain}`], 'failed')
})

t.test('no host that is not public is asked, nor proposed', async (t) => {
  const hidden = await world(t, {
    pages: { [`${autoconfig}${path}`]: page(both(`imap.${domain}`)) },
    inside: [autoconfig],
  })
  t.same([hidden.imap, hidden.requests], [null, [`${domain}${wellKnown}`]])
  const proposed = await world(t, {
    pages: { [`${autoconfig}${path}`]: page(both('inside.firm.test')) },
    inside: ['inside.firm.test'],
  })
  t.match(proposed, { imap: null, smtp: { host: `out.${domain}` } })
  const odd = file(server('incoming', 'imap', `imap.${domain}`, 8143, 'SSL'))
  const oddPort = await world(t, { pages: { [`${autoconfig}${path}`]: page(odd) } })
  t.equal(oddPort.imap, null, 'a port on which we would not connect')
})

t.test('a redirect is followed to public hosts over https alone, and not for ever', async (t) => {
  const there = 'files.other.test'
  const ask = async (to: string, inside: readonly string[] = []) => {
    const pages = {
      [`${autoconfig}${path}`]: redirect(to),
      [`${there}/config.xml`]: page(both(`imap.${domain}`)),
      [`inside.firm.test/config.xml`]: page(both(`imap.${domain}`)),
      [`${there}/loop`]: redirect('/loop'),
    }
    const { imap, requests } = await world(t, { pages, inside })
    return { host: imap?.host, asked: requests.filter((each) => !each.startsWith(domain)).length }
  }
  t.same(await ask(`https://${there}/config.xml`), { host: `imap.${domain}`, asked: 2 })
  t.same(await ask('https://inside.firm.test/config.xml', ['inside.firm.test']), {
    host: undefined,
    asked: 1,
  })
  t.same(await ask(`http://${there}/config.xml`), { host: undefined, asked: 1 })
  t.same(await ask(`https://${there}:8443/config.xml`), { host: undefined, asked: 1 })
  t.same(await ask(`https://user@${there}/config.xml`), { host: undefined, asked: 1 })
  t.same(await ask(`https://${there}/loop`), { host: undefined, asked: 3 })
})

t.test('a file that is too large, never ends, is none, or is not there counts for nothing', async (t) => {
  const large = await world(t, {
    pages: { [`${autoconfig}${path}`]: page(both(`imap.${domain}`) + ' '.repeat(300_000)) },
  })
  t.equal(large.imap, null)
  const endless = await world(t, {
    pages: {
      [`${autoconfig}${path}`]: (_request, response) => void response.write(both(`imap.${domain}`)),
      [`${domain}${wellKnown}`]: page(both(`well-known.${domain}`)),
    },
    totalMs: 8000,
  })
  t.equal(endless.imap?.host, `well-known.${domain}`, 'and holds up nothing')
  for (const [text, status] of [
    ['<<<&&&]]>', 200],
    [both(`imap.${domain}`), 404],
    [`<clientConfig>${'<a>'.repeat(20_000)}`, 200],
  ] as const)
    t.equal((await world(t, { pages: { [`${autoconfig}${path}`]: page(text, status) } })).imap, null)
})
