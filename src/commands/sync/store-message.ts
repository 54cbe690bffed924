import { createHash } from 'node:crypto'
import { normaliseAddress } from '../../domain/mail.ts'
import { MessageQuarantined, MessageSynced, type Placement } from '../../domain/sync/events.ts'
import { excludedBy } from '../../domain/sync/glob.ts'
import { message, messageStream, type MessageCommand } from '../../domain/sync/message.ts'
import { storedFlags } from '../../domain/sync/plan.ts'
import { entityIdOfSource, newCommandId, newEvent, sourceEventId, type Caller } from '../handle.ts'
import { AppendTooLarge, RevisionConflict } from '../ports/event-log.ts'
import type { FetchedMessage } from '../ports/mail-provider.ts'
import { UnreadableMail, type ParsedAttachment, type ParsedMail } from '../ports/parser.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'

/** What storing asks for; `put` keeps blobs. */
export type StoreDeps = Pick<SyncDeps, 'store' | 'handle' | 'load' | 'parser' | 'clock' | 'findOutgoing'> & {
  readonly blobs: SyncDeps['blobs']
}

/** What became of a message that the server handed out. */
export type Stored =
  | { readonly became: 'stored'; readonly direction: 'in' | 'out' }
  | { readonly became: 'known' }
  | { readonly became: 'excluded'; readonly pattern: string }
  | {
      readonly became: 'failed'
      readonly messageId: string
      readonly reason: string
      readonly attempts: number
    }

type Found = {
  readonly account: SyncAccount
  readonly fetched: FetchedMessage
  readonly placement: Placement
}

/**
 * Reads a message, keeps its bytes and says in its own stream that it was met; where the same message is known from
 * another place, only that it lies here too. One that cannot be read is quarantined with its bytes. Nothing is
 * acknowledged before it is durable, and all of it may be repeated.
 */
export const storeMessage =
  (deps: StoreDeps) =>
  async (caller: Caller, found: Found, signal: AbortSignal): Promise<Stored> => {
    const mail = await read(deps, found.fetched.raw, signal)
    if (mail instanceof UnreadableMail) return quarantine(deps, caller, found, mail.message)
    const pattern = exclusionOf(found.account, mail)
    if (pattern !== null) return { became: 'excluded', pattern }
    try {
      return (await storeRead(deps)(caller, found, mail, signal)).stored
    } catch (error) {
      // A thousand attachments with long names: one such mail must not keep the others from being read.
      if (error instanceof AppendTooLarge) return quarantine(deps, caller, found, TOO_MUCH)
      throw error
    }
  }

/** Why a mail is quarantined of which there is more to record than an event holds. */
export const TOO_MUCH = 'The message has more addresses, attachments or names than can be recorded'

/** The mail, or why it cannot be read. */
export const read = async (
  { parser }: Pick<StoreDeps, 'parser'>,
  raw: Buffer,
  signal: AbortSignal,
): Promise<ParsedMail | UnreadableMail> => {
  try {
    return await parser.parse(raw, signal)
  } catch (error) {
    if (error instanceof UnreadableMail) return error
    throw error
  }
}

/** The account's own mail is not kept out, whatever the patterns say: they are about who writes to us. */
const exclusionOf = ({ address, settings }: SyncAccount, mail: ParsedMail): string | null => {
  for (const from of mail.header.from) {
    if (normaliseAddress(from.address) === normaliseAddress(address)) continue
    const pattern = excludedBy(settings.excludePatterns, from.address)
    if (pattern !== null) return pattern
  }
  return null
}

/** The same for mail that has been read, and that no rule keeps out. */
export const storeRead =
  (deps: StoreDeps) =>
  async (
    caller: Caller,
    { account, fetched, placement }: Found,
    mail: ParsedMail,
    signal: AbortSignal,
  ): Promise<{ messageId: string; stored: Stored }> => {
    const { accountId, address } = account
    const raw = sha256(fetched.raw)
    const attached = mail.attachments.map(({ blob, content }) => ({ hash: blob, content }))
    const [outgoingId] = await Promise.all([
      outgoingIdOf(deps, accountId, placement, mail, signal),
      deps.blobs.put([{ hash: raw, content: fetched.raw }, ...attached]),
    ])
    const isOurs = mail.header.from.some(
      (from) => normaliseAddress(from.address) === normaliseAddress(address),
    )
    const filedAsOurs = placement.role === 'sent' || placement.role === 'drafts'
    const direction = outgoingId !== null || isOurs || filedAsOurs ? 'out' : 'in'
    // Without a Message-ID the rest may be nothing at all: then only the same bytes are the same mail.
    const identity = mail.header.messageId === '' ? raw : mail.identity
    const messageId = entityIdOfSource('msg', `${accountId}\n${identity}`)
    const flags = storedFlags(fetched.flags)
    const event = MessageSynced({
      messageId,
      accountId,
      identity,
      outgoingId,
      placement,
      flags,
      direction,
      receivedAt: fetched.receivedAt,
      sentAt: mail.sentAt,
      size: fetched.raw.length,
      raw,
      header: mail.header,
      snippet: mail.snippet,
      hasHtml: mail.hasHtml,
      attachments: mail.attachments.map(aboutAttachment),
      automatic: mail.automatic,
      defects: [...mail.defects],
    })
    const isNew = await append(deps, caller, event, fetched.receivedAt)
    if (isNew) return { messageId, stored: { became: 'stored', direction } }
    return { messageId, stored: { became: 'known' } }
  }

const aboutAttachment = ({ name, contentType, size, contentId, inline, blob }: ParsedAttachment) => ({
  name,
  contentType,
  size,
  contentId,
  inline,
  blob,
})

const quarantine = async (
  deps: StoreDeps,
  caller: Caller,
  { account: { accountId }, fetched, placement }: Found,
  reason: string,
): Promise<Stored> => {
  const raw = sha256(fetched.raw)
  await deps.blobs.put([{ hash: raw, content: fetched.raw }])
  // What cannot be read has no identity but its bytes.
  const messageId = entityIdOfSource('msg', `${accountId}\nraw ${raw}`)
  const { flags, receivedAt } = fetched
  const event = MessageQuarantined({
    messageId,
    accountId,
    placement,
    flags: storedFlags(flags),
    receivedAt,
    size: fetched.raw.length,
    raw,
    reason,
    attempts: 1,
  })
  const isNew = await append(deps, caller, event, deps.clock().toISOString())
  if (isNew) return { became: 'failed', messageId, reason, attempts: 1 }
  return becameOf(deps, messageId)
}

/** A quarantined message that is met again is a failure still, until somebody has decided about it. */
export const becameOf = async ({ load }: Pick<StoreDeps, 'load'>, messageId: string): Promise<Stored> => {
  const { state } = await load(message, messageStream(messageId))
  if (state.status !== 'quarantined') return { became: 'known' }
  const { reason, attempts } = state.quarantined
  return { became: 'failed', messageId, reason, attempts }
}

/**
 * Begins the message's stream. The event's id comes from where the message was met, so that the store knows a repeat;
 * where the stream is there for another reason, the message lies here too.
 * @returns whether it is new
 */
const append = async (
  deps: StoreDeps,
  caller: Caller,
  event: ReturnType<typeof MessageSynced> | ReturnType<typeof MessageQuarantined>,
  occurredAt: string,
): Promise<boolean> => {
  const { messageId, placement, flags } = event.data
  const { folder, uidValidity, uid } = placement
  const stream = messageStream(messageId)
  const id = sourceEventId(JSON.stringify([stream, folder, uidValidity, uid]))
  try {
    const events = [newEvent(event, id, caller, occurredAt)]
    return !(await deps.store.append({ stream, expected: 'no_stream', events })).repeated
  } catch (error) {
    if (!(error instanceof RevisionConflict)) throw error
    await tell(deps, caller, messageId, { do: 'place', placement, flags })
    return false
  }
}

/** Runs a command on a message under an id of its own: one run may have several for one message. */
export const tell = (
  deps: Pick<StoreDeps, 'handle' | 'clock'>,
  caller: Caller,
  messageId: string,
  command: MessageCommand,
) =>
  deps.handle(message, messageStream(messageId), command, {
    ...caller,
    commandId: newCommandId(deps.clock()),
    causationId: caller.commandId,
  })

/**
 * The message of ours that this is a copy of: by its Message-ID, or by our own header where a provider gave it another.
 * An id proves that only where nobody else can put mail; in other folders it must be the very message, as anybody who
 * got it knows the id.
 */
const OURS = /^(out_[0-9a-hjkmnp-tv-z]{26})@/

const outgoingIdOf = async (
  deps: StoreDeps,
  accountId: string,
  { role }: Placement,
  mail: ParsedMail,
  signal: AbortSignal,
): Promise<string | null> => {
  const [, id] = OURS.exec(mail.header.messageId) ?? OURS.exec(`${mail.trailId ?? ''}@`) ?? []
  const ours = id === undefined ? null : await deps.findOutgoing(id)
  if (id === undefined || ours?.accountId !== accountId) return null
  if (role === 'sent' || role === 'drafts') return id
  for (const blob of ours.blobs) {
    const bytes = await deps.blobs.get(blob)
    const own = bytes && (await read(deps, bytes, signal))
    if (own && !(own instanceof UnreadableMail) && own.identity === mail.identity) return id
  }
  return null
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
