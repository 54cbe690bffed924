import { Resolver } from 'node:dns/promises'
import { domainToASCII } from 'node:url'
import type {
  Discover,
  DiscoveredServer,
  Discovery,
  DiscoverySource,
  Inquiry,
} from '../../../commands/ports/connecting.ts'
import { MailUnavailable } from '../../../commands/ports/mail-provider.ts'
import type { TileId } from '../../../domain/accounts/tiles.ts'
import { domainOf } from '../../../domain/mail.ts'
import type { EgressGuard } from '../../network/egress-guard.ts'
import { fetchText, HTTPS_PORT } from '../../network/fetch-text.ts'
import { textOf } from '../../network/problems.ts'
import { usual, type Protocol } from '../connection.ts'
import { isBelow } from '../host-names.ts'
import { presetOf, tileOfDomain, tileOfExchanger, tileOfHost, usernameOf } from '../presets.ts'
import { autoconfigUrls, readAutoconfig } from './autoconfig.ts'
import { exchangersOf, namesOf, serverBySrv } from './dns-records.ts'
import { NOTHING, type Found, type FoundServers } from './found.ts'

/** `dnsServers`, `httpsPort`: others than those in use everywhere. */
type DiscoveryOptions = {
  readonly dnsServers?: readonly string[]
  readonly httpsPort?: number
  readonly totalMs?: number
}

type Answer = Inquiry & FoundServers

/** A domain in ASCII, and who asks on behalf of what. */
type Asked = {
  readonly guard: EgressGuard
  readonly dns: Resolver
  readonly httpsPort: number
  readonly domain: string
  readonly address: string
  readonly signal: AbortSignal
}

/** Providers without a tile whose domains publish nothing. */
const OTHERS = [{ domains: /^(aol|aim)\.com$/, imap: 'imap.aol.com', smtp: 'smtp.aol.com' }] as const

const FILE_LIMITS = { maxBytes: 256 * 1024, maxRedirects: 2 }
const TOTAL_MS = 12_000

/**
 * Finds out how the mailbox of an address is reached: from our own table, from the autoconfig file of its domain, from
 * its SRV records, and from who takes in its mail, in this order of preference. A server that we would not connect to
 * counts for nothing.
 */
export const discovery =
  (
    guard: EgressGuard,
    { dnsServers, httpsPort = HTTPS_PORT, totalMs = TOTAL_MS }: DiscoveryOptions = {},
  ): Discover =>
  async (address, stop) => {
    const domain = domainToASCII(domainOf(address))
    const known = byTable(domain, address)
    if (known.outcome === 'found' || domain === '') return discovered([known], domain)
    const dns = new Resolver({ timeout: totalMs / 4, tries: 2 })
    if (dnsServers !== undefined) dns.setServers(dnsServers)
    const signal = AbortSignal.any([stop, AbortSignal.timeout(totalMs)])
    const cancel = () => dns.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    const asked = { guard, dns, httpsPort, domain, address, signal }
    try {
      const answers = await Promise.all([
        ...autoconfigUrls(domain).map((url) => byAutoconfig(asked, url)),
        bySrv(asked, 'imap'),
        bySrv(asked, 'smtp'),
        byExchanger(asked),
      ])
      stop.throwIfAborted()
      return discovered([known, ...answers], domain)
    } finally {
      signal.removeEventListener('abort', cancel)
      cancel()
    }
  }

const answer = (source: DiscoverySource, where: string, found: FoundServers): Answer => ({
  source,
  where,
  outcome: found.imap === null && found.smtp === null ? 'nothing' : 'found',
  ...found,
})

const byTable = (domain: string, address: string): Answer => {
  const tile = tileOfDomain(domain)
  const other = OTHERS.find(({ domains }) => domains.test(domain))
  const ofOther = other && {
    imap: onUsualPort('imap', other.imap, address),
    smtp: onUsualPort('smtp', other.smtp, address),
  }
  const found = tile === null ? ofOther : ofTile(tile, address)
  return answer('known', domain, found ?? NOTHING)
}

const ofTile = (tile: TileId, address: string): FoundServers => {
  const { imap, smtp } = presetOf(tile)
  return {
    imap: onUsualPort('imap', imap.host, usernameOf(tile, 'imap', address)),
    smtp: onUsualPort('smtp', smtp.host, usernameOf(tile, 'smtp', address)),
  }
}

const onUsualPort = (protocol: Protocol, host: string | null, username: string): Found | null => {
  const { port, encryption } = usual[protocol]
  return host === null ? null : { host, port, encryption, username }
}

/** Whatever keeps a file from being read, it is not there for us: what it was would tell of networks behind the guard. */
const byAutoconfig = async (asked: Asked, url: URL): Promise<Answer> => {
  const file = await fetchText(asked.guard, url, FILE_LIMITS, asked.signal, asked.httpsPort).catch(() => null)
  const found = file === null ? NOTHING : readAutoconfig(file, asked.address)
  return answer('autoconfig', url.href, await usable(asked, found))
}

const bySrv = (asked: Asked, protocol: 'imap' | 'smtp'): Promise<Answer> =>
  fromDns('srv', namesOf(protocol, asked.domain).join(', '), async () => {
    const { found, name } = await serverBySrv(asked.dns, asked.domain, protocol, asked.address)
    return answer('srv', name, await usable(asked, { ...NOTHING, [protocol]: found }))
  })

const byExchanger = (asked: Asked): Promise<Answer> =>
  fromDns('mx', asked.domain, async () => {
    const [first = ''] = await exchangersOf(asked.dns, asked.domain)
    const tile = tileOfExchanger(first)
    return answer('mx', asked.domain, tile === null ? NOTHING : ofTile(tile, asked.address))
  })

const fromDns = async (source: 'srv' | 'mx', where: string, ask: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await ask()
  } catch (error) {
    if (textOf(error, 'syscall') === '') throw error
    return { source, where, outcome: 'failed', ...NOTHING }
  }
}

/** Without those that the guard keeps us from. */
const usable = async ({ guard }: Asked, found: FoundServers): Promise<FoundServers> => {
  const checked = async (server: Found | null): Promise<Found | null> => {
    if (server === null) return null
    try {
      await guard.check(server)
      return server
    } catch (error) {
      if (error instanceof MailUnavailable) return null
      throw error
    }
  }
  return { imap: await checked(found.imap), smtp: await checked(found.smtp) }
}

const discovered = (answers: readonly Answer[], domain: string): Discovery => {
  const imap = preferred(answers, 'imap', domain)
  const smtp = preferred(answers, 'smtp', domain)
  const tile = tileOfHost((imap ?? smtp)?.host ?? '') ?? (imap === null && smtp !== null ? 'smtp' : 'imap')
  return {
    tile,
    imap,
    smtp,
    asked: answers.map(({ source, where, outcome }) => ({ source, where, outcome })),
  }
}

const preferred = (
  answers: readonly Answer[],
  protocol: 'imap' | 'smtp',
  domain: string,
): DiscoveredServer | null => {
  for (const { source, where, [protocol]: found } of answers) {
    if (found === null) continue
    const isKnown = source === 'known' || tileOfHost(found.host) !== null
    return { ...found, foundBy: { source, where }, isElsewhere: !isKnown && !isBelow(found.host, [domain]) }
  }
  return null
}
