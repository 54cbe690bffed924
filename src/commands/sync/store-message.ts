import { createHash } from 'node:crypto'
import {
  flagSet,
  isAt,
  isDraftAt,
  MessageDraftSynced,
  MessageQuarantined,
  MessageSynced,
  type Exclusion,
  type Placement,
} from '../../domain/sync/events.ts'
import { emailsNamedBy, outgoingIdIn } from '../../domain/sending/own-message-id.ts'
import { excludedBy } from '../../domain/sync/exclusion.ts'
import { message, messageStream, type MessageCommand, type SyncedMessage } from '../../domain/sync/message.ts'
import type { TurnsByKey } from '../../std/in-parallel.ts'
import { entityIdOfSource, newCommandId, newEvent, sourceEventId, type Caller } from '../handle.ts'
import { soundBlob } from '../ports/blobs.ts'
import { AppendTooLarge, RevisionConflict } from '../ports/event-log.ts'
import type { RawMessage } from '../ports/mail-provider.ts'
import { UnreadableMail, type ParsedAttachment, type ParsedMail } from '../ports/parser.ts'
import type { SyncAccount, SyncDeps } from './ports.ts'

/** What storing needs. `inTurn`: copies of one message share a stream, and must not be written at the same time. */
export type StoreDeps = Pick<
  SyncDeps,
  'store' | 'handle' | 'load' | 'parser' | 'clock' | 'findOutgoing' | 'blobs' | 'known' | 'texts' | 'contacts'
> & { readonly inTurn: TurnsByKey }

export type StoredAs = 'received' | 'sent' | 'draft'

/** What became of a message that the mailbox handed out. */
export type Stored =
  | {
      readonly became: 'stored'
      readonly as: StoredAs
      /** By a run that died before it counted it. */
      readonly before?: true
    }
  | { readonly became: 'known'; readonly messageId: string }
  | { readonly became: 'excluded'; readonly exclusion: Exclusion }
  | {
      readonly became: 'failed'
      readonly messageId: string
      readonly reason: string
      readonly attempts: number
    }

/** A message as the mailbox handed it out. `backfill`: the beginning of the backfill that asked for it. */
export type Fetched = RawMessage & { readonly backfill: string | null }

/**
 * Reads a message, keeps its bytes and records in its own stream that it was found; if the same message is known from
 * another place, only that it is here too. If it cannot be read, it is quarantined with its bytes. Nothing is
 * acknowledged before it is durable, and everything may be repeated.
 */
export const storeMessage =
  (deps: StoreDeps) =>
  async (caller: Caller, account: SyncAccount, fetched: Fetched, signal: AbortSignal): Promise<Stored> => {
    const { accountId } = account
    const mail = await read(deps, fetched.raw, signal)
    if (mail instanceof UnreadableMail) return quarantine(deps, caller, accountId, fetched, mail.message)
    const judged = await judge(deps, account, fetched.placement, mail, signal)
    if (judged.exclusion !== null) return exclude(deps, caller, accountId, fetched, mail, judged.exclusion)
    try {
      return (await storeRead(deps)(caller, accountId, fetched, mail, judged)).stored
    } catch (error) {
      // A thousand attachments with long names, for example: such a message must not keep the others from being read.
      if (error instanceof AppendTooLarge) return quarantine(deps, caller, accountId, fetched, TOO_MUCH)
      throw error
    }
  }

/** What is excluded is not stored; but if it is here from before, it is in this place too. */
const exclude = async (
  deps: StoreDeps,
  caller: Caller,
  accountId: string,
  { raw, placement, flags }: RawMessage,
  mail: ParsedMail,
  exclusion: Exclusion,
): Promise<Stored> => {
  const { messageId } = identify(accountId, sha256(raw), mail)
  const { state } = await deps.load(message, messageStream(messageId))
  if (state.status === 'none') return { became: 'excluded', exclusion }
  await tell(deps, caller, messageId, { do: 'place', placement, flags: flagSet(flags) })
  return { became: 'known', messageId }
}

/** Why a message is quarantined that has more to record than fits an event. */
export const TOO_MUCH = 'The message has more addresses, attachments or names than can be recorded'

/** The parsed mail, or why it cannot be read. */
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

/** What a message is to the account. `outgoingId`: a copy of this email of ours. */
export type Judged = {
  readonly outgoingId: string | null
  readonly isOurs: boolean
  readonly exclusion: Exclusion | null
}

/**
 * A message is ours if it lies where nobody else can put mail, or is an exact copy of an email that we sent; anybody
 * can write our address into From. What we sent from here is never excluded. An account that keeps mail with known
 * contacts only keeps, of all other mail, what came of what we sent from here.
 */
export const judge = async (
  deps: Pick<StoreDeps, 'findOutgoing' | 'blobs' | 'parser' | 'contacts'>,
  { accountId, address, settings }: SyncAccount,
  placement: Placement,
  mail: ParsedMail,
  signal: AbortSignal,
): Promise<Judged> => {
  const outgoingId = await outgoingIdOf(deps, accountId, placement, mail, signal)
  const isOurs = outgoingId !== null || isFiledByUs(placement)
  const patterns = outgoingId === null ? settings.excludePatterns : []
  const pattern = excludedBy(patterns, { ownAddress: address, isOurs, header: mail.header })
  if (pattern !== null) return { outgoingId, isOurs, exclusion: { reason: 'pattern', pattern } }
  const isKept = settings.keep === 'everything' || outgoingId !== null || (await isOfInterest(deps, mail))
  return { outgoingId, isOurs, exclusion: isKept ? null : { reason: 'no-known-contact', pattern: null } }
}

/** Whether a known contact is on it, or it answers an email of ours or reports about one. */
const isOfInterest = async (
  { contacts, findOutgoing }: Pick<StoreDeps, 'contacts' | 'findOutgoing'>,
  mail: ParsedMail,
): Promise<boolean> => {
  const { from, replyTo, to, cc } = mail.header
  if (await contacts.isAmong([...from, ...replyTo, ...to, ...cc])) return true
  for (const id of emailsNamedBy(mail)) if (await findOutgoing(id)) return true
  return false
}

const isFiledByUs = ({ role }: Placement): boolean => role === 'sent' || role === 'drafts'

/** The same for a message that has been read and that no rule excludes. */
export const storeRead =
  (deps: StoreDeps) =>
  async (
    caller: Caller,
    accountId: string,
    fetched: Fetched,
    mail: ParsedMail,
    { outgoingId, isOurs }: Judged,
  ): Promise<{ messageId: string; stored: Stored }> => {
    const { placement } = fetched
    const raw = sha256(fetched.raw)
    const { messageId, identity } = identify(accountId, raw, mail)
    const { receivedAt } = fetched
    if (!(await deps.known.isDeleted(messageId))) {
      const attached = mail.attachments.map(({ blob, content }) => ({ hash: blob, content }))
      await Promise.all([
        deps.blobs.put([{ hash: raw, content: fetched.raw }, ...attached]),
        deps.texts.put([{ messageId: outgoingId ?? messageId, accountId, receivedAt, ...mail.search }]),
      ])
    }
    const flags = flagSet(fetched.flags)
    const isDraft = isDraftAt(placement, flags)
    const event = (isDraft ? MessageDraftSynced : MessageSynced)({
      messageId,
      accountId,
      identity,
      outgoingId,
      placement,
      flags,
      direction: isOurs || isDraft ? 'out' : 'in',
      receivedAt,
      sentAt: mail.sentAt,
      size: fetched.raw.length,
      raw,
      header: mail.header,
      snippet: mail.snippet,
      hasHtml: mail.hasHtml,
      attachments: mail.attachments.map(aboutAttachment),
      automatic: mail.automatic,
      defects: [...mail.defects],
      ...markOf(fetched),
    })
    const stored = { became: 'stored', as: isDraft ? 'draft' : isOurs ? 'sent' : 'received' } as const
    const isNew = await append(deps, caller, event, receivedAt)
    return { messageId, stored: isNew ? stored : { became: 'known', messageId } }
  }

/** Without a Message-ID the rest may say nothing at all: then only the same bytes are the same message. */
const identify = (accountId: string, raw: string, mail: ParsedMail) => {
  const identity = mail.header.messageId === '' ? raw : mail.identity
  return { identity, messageId: entityIdOfSource('msg', `${accountId}\n${identity}`) }
}

const markOf = ({ backfill }: Fetched) => (backfill === null ? {} : { backfill })

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
  accountId: string,
  fetched: Fetched,
  reason: string,
): Promise<Stored> => {
  const raw = sha256(fetched.raw)
  await deps.blobs.put([{ hash: raw, content: fetched.raw }])
  // What cannot be read has no identity but its bytes.
  const messageId = entityIdOfSource('msg', `${accountId}\nraw ${raw}`)
  const { placement, flags, receivedAt } = fetched
  const event = MessageQuarantined({
    messageId,
    accountId,
    placement,
    flags: flagSet(flags),
    receivedAt,
    size: fetched.raw.length,
    raw,
    reason,
    attempts: 1,
    ...markOf(fetched),
  })
  const isNew = await append(deps, caller, event, deps.clock().toISOString())
  if (isNew) return { became: 'failed', messageId, reason, attempts: 1 }
  return becameOf(deps, messageId)
}

/** A quarantined message that is found again still counts as failed, until somebody has decided about it. */
export const becameOf = async ({ load }: Pick<StoreDeps, 'load'>, messageId: string): Promise<Stored> => {
  const { state } = await load(message, messageStream(messageId))
  if (state.status !== 'quarantined') return { became: 'known', messageId }
  const { reason, attempts } = state.quarantined
  return { became: 'failed', messageId, reason, attempts }
}

/**
 * Begins the message's stream. The event's id comes from where the message was found, so that the store recognises a
 * repeat; if the stream exists for another reason, the message is in this place too.
 * @returns whether it is new, or was a draft until now
 */
const append = (deps: StoreDeps, caller: Caller, event: FirstEvent, occurredAt: string): Promise<boolean> =>
  deps.inTurn(event.data.messageId, () => appendFirst(deps, caller, event, occurredAt))

type FirstEvent =
  | ReturnType<typeof MessageSynced>
  | ReturnType<typeof MessageDraftSynced>
  | ReturnType<typeof MessageQuarantined>

const appendFirst = async (
  deps: StoreDeps,
  caller: Caller,
  event: FirstEvent,
  occurredAt: string,
): Promise<boolean> => {
  const { messageId, placement, flags } = event.data
  const { folder, ref } = placement
  const stream = messageStream(messageId)
  const id = sourceEventId(JSON.stringify([stream, folder, ref]))
  try {
    const events = [newEvent(event, id, caller, occurredAt)]
    return !(await deps.store.append({ stream, expected: 'no_stream', events })).repeated
  } catch (error) {
    if (!(error instanceof RevisionConflict)) throw error
    const before = await deps.load(message, stream)
    const after = await tell(deps, caller, messageId, { do: 'place', placement, flags })
    return before.state.status === 'draft' && after.state.status === 'synced'
  }
}

/**
 * Runs a command on a message under an id of its own, since one run may have several for one message. What a mailbox
 * says about a message holds whoever else writes to its stream.
 */
export const tell = (
  deps: Pick<StoreDeps, 'handle' | 'clock'>,
  caller: Caller,
  messageId: string,
  command: MessageCommand,
) =>
  deps.handle(
    message,
    messageStream(messageId),
    command,
    { ...caller, commandId: newCommandId(deps.clock()), causationId: caller.commandId },
    { insist: true },
  )

/**
 * How a dead run stored this without counting it, if that run found the message first, and in this place; otherwise
 * null.
 */
export const uncountedBy = async (
  { store }: Pick<StoreDeps, 'store'>,
  dead: readonly string[],
  { folder, ref }: Placement,
  messageId: string,
): Promise<StoredAs | null> => {
  if (dead.length === 0) return null
  const [first] = await store.readStream(messageStream(messageId), { limit: 1 })
  const isDraft = first?.type === 'MessageDraftSynced'
  if (!first || !dead.includes(first.metadata.commandId)) return null
  if (!isDraft && first.type !== 'MessageSynced') return null
  const { placement, direction } = first.data as SyncedMessage
  if (!isAt(placement, { folder, ref })) return null
  if (isDraft) return 'draft'
  return direction === 'out' ? 'sent' : 'received'
}

/**
 * The email of ours that this is a copy of: by its Message-ID, or by our own header if a provider assigned another. An
 * id proves it only where nobody else can put mail; in other folders the bytes must match, since anybody who received
 * the email knows the id.
 */
const outgoingIdOf = async (
  deps: Pick<StoreDeps, 'findOutgoing' | 'blobs' | 'parser'>,
  accountId: string,
  placement: Placement,
  mail: ParsedMail,
  signal: AbortSignal,
): Promise<string | null> => {
  const id = outgoingIdIn(mail.header.messageId) ?? outgoingIdIn(`${mail.trailId ?? ''}@`)
  const ours = id === null ? null : await deps.findOutgoing(id)
  if (ours?.accountId !== accountId) return null
  if (isFiledByUs(placement)) return id
  for (const blob of ours.blobs) {
    const bytes = await soundBlob(deps.blobs, blob)
    const own = bytes && (await read(deps, bytes, signal))
    if (own && !(own instanceof UnreadableMail) && own.identity === mail.identity) return id
  }
  return null
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
