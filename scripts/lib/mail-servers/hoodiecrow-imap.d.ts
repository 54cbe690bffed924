// The part of hoodiecrow-imap 2.1 that we use; it has no types of its own.
declare module 'hoodiecrow-imap' {
  import type { Duplex } from 'node:stream'

  namespace hoodiecrow {
    type Message = { uid: number; flags: string[]; internaldate: string; raw: string }
    type Mailbox = { path: string; uidvalidity: number; uidnext: number; messages: Message[] }
    type Attribute = { type: string; value: string; section?: Attribute[] }
    type Command = { tag: string; command?: string; attributes?: Attribute[] }
    type Response = { tag: string; command?: string; attributes?: unknown[]; skipResponse?: boolean }
    type Connection = {
      server: Server
      selectedMailbox?: Mailbox
      state: string
      secureConnection: boolean
      socket: Duplex | null
      directNotifications: boolean
      inputHandler: false | ((line: string) => void)
      processNotifications(): void
      _notificationCallback: () => void
      send(response: Response, description: string, parsed: Command, data: string): void
    }
    type Handler = (connection: Connection, parsed: Command, data: string, done: () => void) => void
    type FetchHandler = (connection: Connection, message: Message, query: Attribute) => unknown
    type OutputHandler = (
      connection: Connection,
      response: Response,
      description: string | undefined,
      parsed: Command | undefined,
      data: string | undefined,
      subject: { path?: string } | undefined,
    ) => void
    type Options = {
      credentials?: { key: string; cert: string; ciphers: string }
      secureConnection?: boolean
      storage?: Record<string, unknown>
      plugins?: string[]
    }
    type Server = NodeJS.EventEmitter & {
      fetchHandlers: Record<string, FetchHandler>
      outputHandlers: OutputHandler[]
      createClient(socket: Duplex): void
      getMailbox(path: string): Mailbox | undefined
      deleteMailbox(path: string): void
      createMailbox(path: string, mailbox: Record<string, unknown>): void
      appendMessage(
        mailbox: Mailbox | string,
        flags: string[],
        at: Date,
        raw: string,
        ignored?: Connection,
      ): { message: Message }
      setCommandHandler(command: string, handler: Handler): void
      getCommandHandler(command: string): Handler | false
      getMessageRange(mailbox: Mailbox, range: string, isUid: boolean): [number, Message][]
      notify(response: Response, mailbox: Mailbox): void
    }
  }

  function hoodiecrow(options: hoodiecrow.Options): hoodiecrow.Server
  export = hoodiecrow
}
