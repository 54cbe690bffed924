import tls from 'node:tls'
import hoodiecrow from 'hoodiecrow-imap'
import type { KeyPair } from './tls.ts'

export type SeedMessage = {
  readonly raw: Buffer
  readonly flags?: readonly string[]
  /** When it arrived (INTERNALDATE); now by default. */
  readonly at?: Date
}
export type SeedFolder = {
  /** As on the wire, in modified UTF-7 (RFC 3501 5.1.3). */
  readonly path: string
  /** Special use (RFC 6154), such as `\Sent`. */
  readonly use?: string
  readonly uidValidity?: number
  readonly messages?: readonly SeedMessage[]
}
/** INBOX always exists; list it here to put messages into it. */
export type ImapUser = { readonly password: string; readonly folders?: readonly SeedFolder[] }

/** Switches that can be changed while the server runs. */
export type ImapFaults = {
  refuseLogin?: boolean
  /** Announces LOGINDISABLED. */
  loginDisabled?: boolean
  hideInbox?: boolean
  /** Bodies of these UIDs fail the whole FETCH with BAD. */
  failUids?: ReadonlySet<number>
  /** Cuts the connection when the bodies of these UIDs are fetched. */
  cutUids?: ReadonlySet<number>
  failSearch?: boolean
  /** Answers searches in disorder, as servers may (RFC 3501 7.2.5). */
  disorderSearch?: boolean
  /** Refuses to open a folder because a quota is exceeded (RFC 9208). */
  overQuota?: boolean
  /** Announces MESSAGELIMIT (RFC 9738), and refuses commands that concern more messages. */
  messageLimit?: number
}

/** One user's mailbox, seen from inside the server. */
export type ImapMailbox = {
  /** @returns the UID */
  append(path: string, message: SeedMessage): number
  remove(path: string, uid: number): void
  setFlags(path: string, uid: number, flags: readonly string[]): void
  /** As after restoring a backup: all UIDs become invalid (RFC 9051 2.3.1.1), and messages are renumbered. */
  renumber(path: string, uidValidity: number): void
  has(path: string): boolean
  /** Removes a folder with everything in it. */
  removeFolder(path: string): void
  /** As RENAME does: UIDs stay, and what the folder is used for is announced no more. */
  renameFolder(path: string, to: string): void
  messages(path: string): { readonly uid: number; readonly flags: readonly string[]; readonly raw: Buffer }[]
}

/** Called with every message before it is in its folder, whoever puts it there. */
export type OnAppend = (message: {
  readonly folder: string
  readonly uid: number
  readonly raw: string
}) => void

type Box = { server: hoodiecrow.Server; password: string; mailbox: ImapMailbox }

const PLUGINS = ['ID', 'NAMESPACE', 'SPECIAL-USE', 'UIDPLUS', 'UNSELECT', 'IDLE', 'LITERALPLUS', 'MOVE']

const folderOf = (server: hoodiecrow.Server, path: string): hoodiecrow.Mailbox => {
  const folder = server.getMailbox(path)
  if (folder === undefined) throw new Error(`No folder ${path}`)
  return folder
}

/** The server itself parses each message first, which is slow, and fails on malformed ones. */
const serveSource = (server: hoodiecrow.Server, faults: ImapFaults) => {
  const serve: hoodiecrow.FetchHandler = (connection, message, query) => {
    if (faults.failUids?.has(message.uid) === true) throw new Error('Internal error')
    if (faults.cutUids?.has(message.uid) === true) connection.socket?.destroy()
    if (query.section?.length === 0) return { type: 'LITERAL', value: message.raw }
    const field = query.section?.[0]?.value.toUpperCase()
    if (field !== 'HEADER' && field !== 'HEADER.FIELDS') throw new Error('Not served')
    return { type: 'LITERAL', value: `${message.raw.split(/\r?\n\r?\n/, 1)[0]}\r\n\r\n` }
  }
  // From the second message of a range on, the server has forgotten that it was a PEEK.
  server.fetchHandlers['BODY.PEEK'] = serve
  server.fetchHandlers['BODY'] = serve
}

/** The server's own IDLE (RFC 2177) leaves a half-hour timer behind when a client disconnects. */
const serveIdle = (server: hoodiecrow.Server) =>
  server.setCommandHandler('IDLE', (connection, parsed, data, done) => {
    connection.directNotifications = true
    connection.inputHandler = (line) => {
      connection.inputHandler = false
      connection.directNotifications = false
      const isDone = line.toUpperCase() === 'DONE'
      connection.send({ tag: parsed.tag, command: isDone ? 'OK' : 'BAD' }, 'IDLE', parsed, data)
    }
    connection.socket?.write('+ idling\r\n')
    connection.processNotifications()
    done()
  })

/** How many messages a UID SEARCH or UID FETCH concerns: those that are in all ranges that it names. */
const concerned = (
  server: hoodiecrow.Server,
  folder: hoodiecrow.Mailbox,
  words: readonly string[],
): number => {
  const inRanges = words.flatMap((word, index) =>
    /^[\d:*,]+$/.test(word)
      ? [new Set(server.getMessageRange(folder, word, words[index - 1] === 'UID').map(([, { uid }]) => uid))]
      : [],
  )
  return folder.messages.filter(({ uid }) => inRanges.every((range) => range.has(uid))).length
}

const serveWithinLimit = (server: hoodiecrow.Server, faults: ImapFaults) => {
  server.outputHandlers.push((_connection, response, description) => {
    if (faults.messageLimit === undefined || description !== 'CAPABILITY LIST') return
    response.attributes?.push({ type: 'TEXT', value: `MESSAGELIMIT=${faults.messageLimit}` })
  })
  for (const command of ['UID SEARCH', 'UID FETCH']) {
    const serve = server.getCommandHandler(command)
    server.setCommandHandler(command, (connection, parsed, data, done) => {
      const [first, ...others] = (parsed.attributes ?? []).flatMap((each) => [each.value])
      const words = command === 'UID FETCH' ? ['UID', first ?? ''] : [first ?? '', ...others]
      const { selectedMailbox: folder } = connection
      const count = folder === undefined ? 0 : concerned(server, folder, words)
      if (serve !== false && count <= (faults.messageLimit ?? Infinity))
        return serve(connection, parsed, data, done)
      const attributes = [{ type: 'TEXT', value: `${count} are too many` }]
      connection.send({ tag: parsed.tag, command: 'NO', attributes }, 'TOO MANY', parsed, data)
      done()
    })
  }
}

/** Creates a user's mailbox, held in memory. */
export const imapMailbox = (user: ImapUser, faults: ImapFaults, onAppend: OnAppend = () => {}): Box => {
  const server = hoodiecrow({
    storage: { INBOX: {}, '': { separator: '/', folders: {} } },
    plugins: PLUGINS,
  })
  server.setMaxListeners(0)
  serveSource(server, faults)
  const append = server.appendMessage.bind(server)
  server.appendMessage = (mailbox, flags, at, raw, ignored) => {
    const folder = typeof mailbox === 'string' ? folderOf(server, mailbox) : mailbox
    onAppend({ folder: folder.path, uid: folder.uidnext, raw })
    return append(folder, flags, at, raw, ignored)
  }
  server.outputHandlers.push((_connection, response, description, _parsed, _data, subject) => {
    if (faults.hideInbox === true && description === 'LIST ITEM' && subject?.path === 'INBOX') {
      response.skipResponse = true
    }
  })
  const search = server.getCommandHandler('UID SEARCH')
  server.setCommandHandler('UID SEARCH', (connection, parsed, data, done) => {
    if (faults.failSearch !== true && search !== false) return search(connection, parsed, data, done)
    connection.send({ tag: parsed.tag, command: 'NO' }, 'SEARCH FAILED', parsed, data)
    done()
  })
  server.outputHandlers.push((_connection, response) => {
    if (faults.disorderSearch !== true || response.command !== 'SEARCH') return
    const inOrder = response.attributes ?? []
    const middle = Math.ceil(inOrder.length / 2)
    response.attributes = [...inOrder.slice(middle), ...inOrder.slice(0, middle).toReversed()]
  })
  const examine = server.getCommandHandler('EXAMINE')
  server.setCommandHandler('EXAMINE', (connection, parsed, data, done) => {
    if (faults.overQuota !== true && examine !== false) return examine(connection, parsed, data, done)
    const attributes = [{ type: 'SECTION', section: [{ type: 'ATOM', value: 'OVERQUOTA' }] }]
    connection.send({ tag: parsed.tag, command: 'NO', attributes }, 'OVER QUOTA', parsed, data)
    done()
  })
  serveIdle(server)
  serveWithinLimit(server, faults)
  const mailbox: ImapMailbox = {
    append: (path, { raw, flags = [], at = new Date() }) =>
      server.appendMessage(folderOf(server, path), [...flags], at, raw.toString('latin1')).message.uid,
    remove: (path, uid) => {
      const folder = folderOf(server, path)
      const index = folder.messages.findIndex((message) => message.uid === uid)
      if (index !== -1) folder.messages.splice(index, 1)
    },
    setFlags: (path, uid, flags) => {
      const message = folderOf(server, path).messages.find((each) => each.uid === uid)
      if (message !== undefined) message.flags = [...flags]
    },
    renumber: (path, uidValidity) => {
      const folder = folderOf(server, path)
      folder.uidvalidity = uidValidity
      folder.messages.forEach((message, index) => (message.uid = index + 1))
      folder.uidnext = folder.messages.length + 1
    },
    has: (path) => server.getMailbox(path) !== undefined,
    removeFolder: (path) => server.deleteMailbox(path),
    renameFolder: (path, to) => {
      const { uidvalidity, uidnext, messages } = folderOf(server, path)
      server.deleteMailbox(path)
      server.createMailbox(to, { uidvalidity })
      Object.assign(folderOf(server, to), { uidnext, messages })
    },
    messages: (path) =>
      folderOf(server, path).messages.map(({ uid, flags, raw }) => ({
        uid,
        flags: [...flags],
        raw: Buffer.from(raw, 'latin1'),
      })),
  }
  for (const { path, use, uidValidity = 1, messages = [] } of user.folders ?? []) {
    if (path.toUpperCase() !== 'INBOX') {
      server.createMailbox(path, {
        uidvalidity: uidValidity,
        ...(use === undefined ? {} : { 'special-use': use }),
      })
    } else folderOf(server, path).uidvalidity = uidValidity
    for (const message of messages) mailbox.append(path, message)
  }
  return { server, password: user.password, mailbox }
}

/** The server that a client first connects to; after the login, the connection moves to the user's own. */
export const lobby = (options: {
  tls?: KeyPair
  secure: boolean
  startTls: boolean
  mailboxes: ReadonlyMap<string, Box>
  faults: ImapFaults
}): hoodiecrow.Server => {
  const server = hoodiecrow({
    secureConnection: options.secure,
    plugins: ['ID', ...(options.startTls ? ['STARTTLS'] : [])],
    ...(options.tls === undefined ? {} : { credentials: { ...options.tls, ciphers: tls.DEFAULT_CIPHERS } }),
  })
  server.setMaxListeners(0)
  server.outputHandlers.push((connection, response, description) => {
    if (options.faults.loginDisabled !== true || connection.server !== server) return
    if (description === 'CAPABILITY LIST') response.attributes?.push({ type: 'TEXT', value: 'LOGINDISABLED' })
  })
  server.setCommandHandler('LOGIN', (connection, parsed, data, done) => {
    const [name, password] = parsed.attributes ?? []
    const box = name === undefined ? undefined : options.mailboxes.get(name.value)
    const known = box !== undefined && box.password === password?.value && options.faults.refuseLogin !== true
    if (known) {
      server.removeListener('notify', connection._notificationCallback)
      box.server.on('notify', connection._notificationCallback)
      connection.server = box.server
      connection.state = 'Authenticated'
    }
    const text = { type: 'TEXT', value: known ? 'Welcome' : 'No such user or password' }
    connection.send(
      { tag: parsed.tag, command: known ? 'OK' : 'NO', attributes: [text] },
      'LOGIN',
      parsed,
      data,
    )
    done()
  })
  return server
}
