/** A server as it was found, not yet checked. */
export type Found = {
  readonly host: string
  readonly port: number
  readonly encryption: 'starttls' | 'tls'
  readonly username: string
}

export type FoundServers = { readonly smtp: Found | null; readonly imap: Found | null }

export const NOTHING: FoundServers = { smtp: null, imap: null }
