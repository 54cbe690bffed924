import type { TileId } from '../../domain/accounts/tiles.ts'

// What helps a person to fill in how their mailbox is reached, before anything is connected.

/** What the user name of a mailbox usually is: its whole address, or the part of it before the @. */
export type UsernameForm = 'address' | 'local-part'

/** A mail server as a form is filled with it. `host`: null if only its user knows it. */
export type PresetServer = {
  readonly host: string | null
  readonly port: number
  readonly encryption: 'starttls' | 'tls'
  readonly usernameIs: UsernameForm
}

/** How a provider's form is filled for a tile. `guidance`: what one has to know or do first, a sentence each. */
export type Preset = {
  readonly tile: TileId
  readonly smtp: PresetServer
  readonly imap: PresetServer
  readonly guidance: readonly string[]
}

/** How something about a mailbox is known: by us, from a file that its domain publishes, or from the DNS. */
export type DiscoverySource = 'known' | 'autoconfig' | 'srv' | 'mx'

/**
 * Where an answer was looked for: a domain, a URL, or a name in the DNS. `nothing`: there is no answer of use. `failed`:
 * it could not be asked.
 */
export type Inquiry = {
  readonly source: DiscoverySource
  readonly where: string
  readonly outcome: 'found' | 'nothing' | 'failed'
}

/**
 * A mail server that was found. `isElsewhere`: it is neither one of those that we know nor below the domain of the
 * address, so a person should look at it before a password goes there (RFC 6186 6).
 */
export type DiscoveredServer = Omit<PresetServer, 'usernameIs'> & {
  readonly host: string
  readonly username: string
  readonly foundBy: Pick<Inquiry, 'source' | 'where'>
  readonly isElsewhere: boolean
}

/** What could be found out about a mailbox. Nothing is guessed: a server that nobody names is null. */
export type Discovery = {
  readonly tile: TileId
  readonly smtp: DiscoveredServer | null
  readonly imap: DiscoveredServer | null
  readonly asked: readonly Inquiry[]
}

/** Finds out how the mailbox of an address is reached. Whatever cannot be found out is no error. */
export type Discover = (address: string, signal: AbortSignal) => Promise<Discovery>
