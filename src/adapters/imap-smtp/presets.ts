import type { Preset, PresetServer, UsernameForm } from '../../commands/ports/connecting.ts'
import type { TileId } from '../../domain/accounts/tiles.ts'
import { domainOf } from '../../domain/mail.ts'
import { usual, type Protocol } from './connection.ts'
import { plainHost, isBelow } from './host-names.ts'

/** What is known of the big providers: the ends of their servers' names, their domains, and their servers. */
type Known = {
  readonly tile: TileId
  readonly hosts: readonly string[]
  /** Of addresses. */
  readonly domains: RegExp
  /** Ends of the names of the servers that take in mail for domains of their customers. */
  readonly exchangers: readonly string[]
  readonly smtp: string
  readonly imap: string
  /** Where it is not the whole address, as it is for sending everywhere. */
  readonly imapUsernameIs?: UsernameForm
  readonly guidance: readonly string[]
}

const known: readonly Known[] = [
  {
    tile: 'gmail',
    hosts: ['gmail.com', 'googlemail.com'],
    domains: /^(gmail|googlemail)\.com$/,
    exchangers: ['google.com', 'googlemail.com'],
    smtp: 'smtp.gmail.com',
    imap: 'imap.gmail.com',
    guidance: [
      'Google does not accept the password of the account here, and “less secure apps” no longer exist: it takes an app password.',
      'Turn on 2-Step Verification for the Google account, then create an app password at https://myaccount.google.com/apppasswords and enter it in both places.',
      'An administrator of Google Workspace can switch off app passwords; then only signing in with Google works.',
    ],
  },
  {
    tile: 'outlook',
    hosts: ['office365.com', 'outlook.com', 'hotmail.com', 'live.com'],
    domains:
      /^(outlook\.(com|[a-z]{2}|com\.[a-z]{2})|(hotmail|live)\.(com|[a-z]{2}|(co|com)\.[a-z]{2})|msn\.com)$/,
    exchangers: ['protection.outlook.com', 'mx.microsoft'],
    smtp: 'smtp.office365.com',
    imap: 'outlook.office365.com',
    guidance: [
      'Microsoft has switched off passwords for IMAP, and app passwords with them; for sending it is switching them off too. Sign in with Microsoft instead.',
      'These servers only work where an administrator still allows passwords, as some do for sending (“Authenticated SMTP”).',
    ],
  },
  {
    tile: 'yahoo',
    hosts: ['yahoo.com'],
    domains: /^(yahoo\.(com|[a-z]{2}|(co|com)\.(?!jp)[a-z]{2})|ymail\.com|rocketmail\.com)$/,
    exchangers: ['am0.yahoodns.net'],
    smtp: 'smtp.mail.yahoo.com',
    imap: 'imap.mail.yahoo.com',
    guidance: [
      'Yahoo does not accept the password of the account here: it takes an app password.',
      'In your Yahoo account, under Security, choose “Generate app password”, and enter it in both places. The user name is the whole address.',
    ],
  },
  {
    tile: 'icloud',
    hosts: ['mail.me.com', 'icloud.com'],
    domains: /^(icloud|me|mac)\.com$/,
    exchangers: ['mail.icloud.com'],
    smtp: 'smtp.mail.me.com',
    imap: 'imap.mail.me.com',
    imapUsernameIs: 'local-part',
    guidance: [
      'Apple does not accept the password of the Apple Account here: it takes an app-specific password.',
      'Turn on two-factor authentication, then create an app-specific password at https://account.apple.com, under Sign-In and Security, and enter it in both places.',
      'For receiving, the user name is the part of the iCloud address before the @; where Apple does not accept that, it is the whole address, as it is for sending. People with a domain of their own at iCloud have an iCloud address too, and that counts.',
    ],
  },
]

const server = (
  protocol: Protocol,
  host: string | null,
  usernameIs: UsernameForm = 'address',
): PresetServer => {
  const { port, encryption } = usual[protocol]
  return { host, port, encryption, usernameIs }
}

const ownServers = (tile: 'smtp' | 'imap', guidance: readonly string[]): Preset => ({
  tile,
  smtp: server('smtp', null),
  imap: server('imap', null),
  guidance,
})

const COMMON =
  'Your mail provider names the servers and the user name, often on a page about “mail programs” or “IMAP”. With two-factor login most want an app password.'

/** How the form is filled in for each tile. */
export const presets: readonly Preset[] = [
  ...known.map(({ tile, smtp, imap, imapUsernameIs, guidance }) => ({
    tile,
    smtp: server('smtp', smtp),
    imap: server('imap', imap, imapUsernameIs),
    guidance,
  })),
  ownServers('smtp', [COMMON, 'Without a server for receiving, the account only sends.']),
  ownServers('imap', [COMMON, 'Without a server for sending, the account only receives.']),
]

/** The tile of a provider that is known by this name of a mail server; null for any other. */
export const tileOfHost = (host: string): TileId | null =>
  known.find(({ hosts }) => isBelow(plainHost(host), hosts))?.tile ?? null

/** The same by the domain of addresses. */
export const tileOfDomain = (domain: string): TileId | null =>
  known.find(({ domains }) => domains.test(plainHost(domain)))?.tile ?? null

/** The same by the name of a server that takes in a domain's mail (MX). */
export const tileOfExchanger = (host: string): TileId | null =>
  known.find(({ exchangers }) => isBelow(plainHost(host), exchangers))?.tile ?? null

/** @throws Error for a tile whose form is not filled in here */
export const presetOf = (tile: TileId): Preset => {
  const found = presets.find((preset) => preset.tile === tile)
  if (found === undefined) throw new Error(`There is no preset for ${tile}`)
  return found
}

/**
 * The name by which a provider knows the user of an address that is one of its own; of other addresses, such as one of a
 * domain that its user brought along, it knows no part.
 */
export const usernameOf = (tile: TileId, protocol: Protocol, address: string): string => {
  const { usernameIs } = presetOf(tile)[protocol]
  const isTheirs = tileOfDomain(domainOf(address)) === tile
  return usernameIs === 'local-part' && isTheirs ? address.slice(0, address.lastIndexOf('@')) : address
}
