import net from 'node:net'
import tls from 'node:tls'
import { SMTPServer } from 'smtp-server'
import {
  imapMailbox,
  lobby,
  type ImapFaults,
  type ImapMailbox,
  type ImapUser,
  type OnAppend,
} from './imap-mailboxes.ts'
import type { KeyPair } from './tls.ts'

type Encryption = 'starttls' | 'tls' | 'none'

const HOST = '127.0.0.1'

/** A message that the sink has taken responsibility for, as sent over the wire without dot-stuffing. */
export type SunkMessage = {
  readonly user: string
  readonly envelope: { readonly from: string; readonly recipients: readonly string[] }
  readonly raw: Buffer
}

/**
 * What happens to a message after its dot: `accept` answers 250, `drop` accepts it and closes without an answer, `hang`
 * accepts it and never answers, a number is the SMTP reply code of a refusal.
 */
type Verdict = 'accept' | 'drop' | 'hang' | number

/** Switches that can be changed while the sink runs. */
type SmtpFaults = {
  refuseLogin?: boolean
  /** Reply code for MAIL FROM. */
  senderCode?: number
  /** Reply codes for RCPT TO, by address. */
  recipientCodes?: Record<string, number>
  /** Awaited before the answer to the dot. */
  verdict?: (message: SunkMessage) => Verdict | Promise<Verdict>
}

export type SmtpSinkOptions = {
  readonly encryption: Encryption
  /** Needed for `starttls` and `tls`. */
  readonly tls?: KeyPair
  /** Passwords by user name; anybody may log in by default. */
  readonly users?: Record<string, string>
  readonly port?: number
  /** Announced by SIZE, octets. */
  readonly size?: number
  /** Offers AUTH before TLS and no STARTTLS, as an attacker on the path would. */
  readonly stripStartTls?: boolean
  readonly noLogin?: boolean
  readonly noPipelining?: boolean
  readonly noSmtpUtf8?: boolean
}

export type SmtpSink = {
  readonly host: string
  readonly port: number
  readonly messages: SunkMessage[]
  readonly faults: SmtpFaults
  /** Number of connections accepted since the start. */
  connections(): number
  /** What clients sent in clear text, before any TLS. */
  wire(): Buffer
  /** Resolves when that many messages have been accepted in all. */
  arrived(count: number): Promise<void>
  /** The first message whose bytes contain this text, such as the id in its Message-ID; waits for it if necessary. */
  mailWith(text: string): Promise<SunkMessage>
  /** Cuts every open connection. */
  cut(): void
  close(): Promise<void>
}

const refusal = (code: number) =>
  Object.assign(new Error('Refused by this test server'), { responseCode: code })

/** Sockets of a server, so that they can be counted, recorded and cut. */
const watchSockets = (server: net.Server) => {
  const open = new Set<net.Socket>()
  const wire: Buffer[] = []
  let count = 0
  server.on('connection', (socket: net.Socket) => {
    socket.setNoDelay(true)
    count += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => open.delete(socket))
    if (!(server instanceof tls.Server)) socket.on('data', (chunk: Buffer) => wire.push(chunk))
  })
  return {
    open,
    connections: () => count,
    wire: () => Buffer.concat(wire),
    cut: () => {
      for (const socket of open) socket.destroy()
    },
  }
}

const listen = (server: net.Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('No port'))
      else resolve(address.port)
    })
  })

/** An SMTP server on loopback that keeps what it receives, and fails on demand. */
export const smtpSink = async (options: SmtpSinkOptions): Promise<SmtpSink> => {
  const messages: SunkMessage[] = []
  const faults: SmtpFaults = {}
  const waiting: { count: number; resolve: () => void }[] = []
  const take = (message: SunkMessage) => {
    messages.push(message)
    for (const wait of waiting) if (messages.length >= wait.count) wait.resolve()
  }
  const clearText = options.encryption === 'none' || options.stripStartTls === true
  const server = new SMTPServer({
    ...options.tls,
    secure: options.encryption === 'tls',
    allowInsecureAuth: clearText,
    disabledCommands: [...(clearText ? ['STARTTLS'] : []), ...(options.noLogin === true ? ['AUTH'] : [])],
    authOptional: options.noLogin === true,
    disableReverseLookup: true,
    hidePIPELINING: options.noPipelining ?? false,
    hideSMTPUTF8: options.noSmtpUtf8 ?? false,
    hideENHANCEDSTATUSCODES: false,
    ...(options.size === undefined ? {} : { size: options.size }),
    closeTimeout: 100,
    logger: false,
    onAuth: (auth, _session, done) => {
      const { username = '', password } = auth
      const known = options.users === undefined || options.users[username] === password
      if (known && faults.refuseLogin !== true) done(null, { user: username })
      else done(refusal(535))
    },
    onMailFrom: (_address, _session, done) => {
      done(faults.senderCode === undefined ? null : refusal(faults.senderCode))
    },
    onRcptTo: ({ address }, _session, done) => {
      const code = faults.recipientCodes?.[address]
      done(code === undefined ? null : refusal(code))
    },
    onData: (stream, session, answer) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      const judge = async () => {
        const { mailFrom, rcptTo } = session.envelope
        const message = {
          user: String(session.user ?? ''),
          envelope: {
            from: mailFrom === false ? '' : mailFrom.address,
            recipients: rcptTo.map((recipient) => recipient.address),
          },
          raw: Buffer.concat(chunks),
        }
        const verdict = stream.sizeExceeded ? 552 : ((await faults.verdict?.(message)) ?? 'accept')
        if (typeof verdict === 'number') return answer(refusal(verdict))
        take(message)
        if (verdict === 'accept') return answer(null, 'Taken')
        if (verdict === 'drop')
          sockets.open.forEach((s) => s.remotePort === session.remotePort && s.destroy())
      }
      stream.on('end', () => {
        judge().catch(() => answer(refusal(451)))
      })
    },
  })
  server.on('error', () => {})
  const sockets = watchSockets(server.server)
  const port = await listen(server.server, options.port ?? 0)
  const arrived = (count: number): Promise<void> =>
    messages.length >= count
      ? Promise.resolve()
      : new Promise((resolve) => void waiting.push({ count, resolve }))
  return {
    host: HOST,
    port,
    messages,
    faults,
    connections: sockets.connections,
    wire: sockets.wire,
    arrived,
    mailWith: async (text) => {
      for (let seen = 0; ; seen++) {
        await arrived(seen + 1)
        if (messages[seen]!.raw.includes(text)) return messages[seen]!
      }
    },
    cut: sockets.cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        sockets.cut()
      }),
  }
}

export type ImapServerOptions = {
  readonly encryption: Encryption
  readonly tls?: KeyPair
  readonly users: Record<string, ImapUser>
  readonly port?: number
  /** Offers no STARTTLS, as an attacker on the path would. */
  readonly stripStartTls?: boolean
  readonly onAppend?: (user: string, message: Parameters<OnAppend>[0]) => void
}

export type ImapServer = {
  readonly host: string
  readonly port: number
  readonly faults: ImapFaults
  /** The mailbox of one user, to inspect and change behind the clients' backs. */
  mailbox(user: string): ImapMailbox
  connections(): number
  wire(): Buffer
  cut(): void
  close(): Promise<void>
}

/** An IMAP server on loopback with a mailbox for each user, held in memory. */
export const imapServer = async (options: ImapServerOptions): Promise<ImapServer> => {
  const faults: ImapFaults = {}
  const mailboxes = new Map(
    Object.entries(options.users).map(([name, user]) => {
      const onAppend: OnAppend = (message) => options.onAppend?.(name, message)
      return [name, imapMailbox(user, faults, onAppend)] as const
    }),
  )
  const entrance = lobby({
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    secure: options.encryption === 'tls',
    startTls: options.encryption === 'starttls' && options.stripStartTls !== true,
    mailboxes,
    faults,
  })
  const server =
    options.encryption === 'tls'
      ? tls.createServer({ ...options.tls }, (socket) => entrance.createClient(socket))
      : net.createServer((socket) => entrance.createClient(socket))
  server.on('tlsClientError', () => {})
  const sockets = watchSockets(server)
  const port = await listen(server, options.port ?? 0)
  return {
    host: HOST,
    port,
    faults,
    mailbox: (name) => {
      const found = mailboxes.get(name)
      if (found === undefined) throw new Error(`No user ${name}`)
      return found.mailbox
    },
    connections: sockets.connections,
    wire: sockets.wire,
    cut: sockets.cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        sockets.cut()
      }),
  }
}
