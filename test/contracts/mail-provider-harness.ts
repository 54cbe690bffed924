import { inspect } from 'node:util'
import type { Test } from 'tap'
import {
  MailUnavailable,
  type Access,
  type ChangesQuery,
  type MailboxSession,
  type MailProvider,
} from '../../src/commands/ports/mail-provider.ts'
import type { MailTrouble } from '../../src/domain/mail-trouble.ts'
import { definedCodes } from '../../src/domain/refusal.ts'
import type { CutLines } from '../../scripts/lib/cut-lines.ts'

/** A message in a mailbox. `flags` are named as in the port. */
export type Content = {
  readonly folder: string
  readonly messageId: string
  readonly flags: readonly string[]
}

/** A mailbox as its owner and the world change it, bypassing the provider. */
export type FromBehind = {
  deliver(folder: string, mime: Buffer, more?: { at?: Date; flags?: readonly string[] }): Promise<void>
  move(messageId: string, from: string, to: string): Promise<void>
  flag(messageId: string, folder: string, flags: readonly string[]): Promise<void>
  remove(messageId: string, folder: string): Promise<void>
  /** Removes the folder, with everything in it. */
  removeFolder(folder: string): Promise<void>
  contents(): Promise<Content[]>
  /** The bytes of a message, as stored. */
  raw(messageId: string, folder: string): Promise<Buffer>
}

/** A provider with an empty mailbox of its own, and everything that can go wrong with it. */
export type Harness = {
  readonly provider: MailProvider
  /** Its connections go over `lines`. */
  readonly access: Access
  readonly wrongAccess: Access
  /** What must never be shown. */
  readonly secrets: readonly string[]
  readonly address: string
  /** `own` is one without a role, that a person made and can remove. */
  readonly folders: {
    readonly inbox: string
    readonly sent: string
    readonly archive: string
    readonly own: string
  }
  readonly mailbox: FromBehind
  readonly lines: CutLines
  /** From now on the mailbox does not know the cursors it gave, and renumbers its messages if it has numbers. */
  readonly loseCursors: () => Promise<void>
  /** Withholds a message, or with null none; the switch is null if the server hands out everything. */
  readonly withhold: ((messageId: string | null) => void) | null
  /** Ways in which the server refuses to be read, and the expected kind of trouble. */
  readonly refusals: readonly { what: string; kind: MailTrouble; set: (on: boolean) => void }[]
  /** Emails as they arrived. */
  readonly arrived: () => readonly Buffer[]
  /** Null if the server takes every recipient, and reports what cannot be delivered by mail. */
  readonly refuseRecipients: ((addresses: readonly string[]) => void) | null
  /** The email is accepted, but the answer is lost. */
  readonly loseAnswer: (on: boolean) => void
  readonly knows: {
    /** Reports a move as a move. */
    readonly moves: boolean
    /** Can prove that an email was sent, or was not. */
    readonly fate: boolean
    /** Tells how many messages there are to come. */
    readonly left: boolean
    /** Remembers what was answered. */
    readonly answered: boolean
  }
}

export type OpenHarness = (t: Test) => Promise<Harness>

/** A signal that never aborts. */
export const going = () => new AbortController().signal

export const mimeOf = (messageId: string, more = ''): Buffer =>
  Buffer.from(
    `From: a@example.test\r\nTo: b@example.test\r\nMessage-ID: <${messageId}>\r\nSubject: ${messageId}\r\n\r\n${more}\r\n.\r\nend\r\n`,
  )

export const messageIdOf = (raw: Buffer): string =>
  /^message-id:\s*<([^>]*)>/im.exec(raw.toString('latin1'))?.[1] ?? ''

/** Everything in the folders with a role, as of now. */
export const asking = (more: Partial<ChangesQuery> = {}): ChangesQuery => ({
  cursors: [],
  folders: ['inbox', 'sent', 'archive'],
  since: null,
  now: new Date(),
  thorough: false,
  known: { page: () => Promise.resolve([]) },
  ...more,
})

export const inSession = async <T>(
  { provider, access }: Harness,
  work: (session: MailboxSession) => Promise<T>,
): Promise<T> => {
  const session = await provider.open(access, {}, going())
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

export const gather = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const each of source) all.push(each)
  return all
}

/** No error or result may show a secret. */
export const requireSecrecy = (t: Test, { secrets }: Harness, value: unknown): void => {
  const error = value instanceof Error ? `${value.message} ${value.stack} ${inspect(value.cause)}` : ''
  const shown = `${error} ${inspect(value, { depth: 20, showHidden: true })} ${JSON.stringify(value)}`
  t.notOk(
    secrets.some((secret) => shown.includes(secret)),
    'no secret shows',
  )
}

/** The error of a call, which can only be MailUnavailable; null if it succeeds. */
export const troubleOf = async (
  t: Test,
  harness: Harness,
  work: () => Promise<unknown>,
): Promise<MailUnavailable | null> => {
  try {
    await work()
    return null
  } catch (error) {
    if (!(error instanceof MailUnavailable)) throw error
    requireSecrecy(t, harness, error)
    t.ok(error.message !== '' && error.remedy !== '', 'it says what to do')
    t.equal(definedCodes.get(error.code)?.trouble, error.kind, `the definition of ${error.code} says it too`)
    return error
  }
}
