import type { EventOf, Sentences } from '../event.ts'
import type { WrittenMailbox } from '../mail.ts'
import { because, listed, quoted } from '../words.ts'
import type { BackfillEvent } from './backfill.ts'
import type { ChangesSynced, MessageEvent, MessageSynced, SyncRunEvent } from './events.ts'
import type { PatternRunEvent } from './pattern-run-events.ts'
import type { PresenceEvent } from './presence-events.ts'
import type { ThreadEvent } from './thread-events.ts'

const STARTED_BY = {
  schedule: 'on schedule',
  request: 'because somebody asked for it',
  connect: 'because the account was connected',
  hint: 'because the mailbox said that there is something new',
}

const ENDED = {
  success: 'finished',
  partial: 'finished in part',
  failed: 'failed',
  stopped: 'was stopped',
  abandoned: 'was abandoned because its worker died',
}

const FOUND = [
  ['stored', 'stored'],
  ['known', 'already known'],
  ['excluded', 'excluded'],
  ['failed', 'failed'],
  ['flagsChanged', 'with changed flags'],
  ['removed', 'removed'],
] as const

const countsOf = ({ folders }: EventOf<typeof ChangesSynced>['data']): string => {
  const counts = FOUND.flatMap(([name, words]) => {
    const sum = folders.reduce((total, folder) => total + folder[name], 0)
    return sum === 0 ? [] : [`${sum} ${words}`]
  })
  return counts.length === 0 ? 'nothing new' : counts.join(', ')
}

const nameOf = ([first]: readonly WrittenMailbox[]): string => first?.address || 'an unknown sender'

const found = ({ direction, header, placement }: EventOf<typeof MessageSynced>['data']): string => {
  const from = direction === 'in' ? ` from ${nameOf(header.from)}` : ''
  return `${quoted(header.subject)}${from} was found in ${placement.folder}`
}

const flagsOf = (flags: readonly string[]): string => (flags.length === 0 ? 'none' : listed(flags))

export const syncSentences: Sentences<
  SyncRunEvent | MessageEvent | PresenceEvent | PatternRunEvent | BackfillEvent | ThreadEvent
> = {
  SyncRunStarted: ({ number, trigger }) => `Sync run ${number} started ${STARTED_BY[trigger]}`,
  ChangesSynced: (data) =>
    `Sync run ${data.number} recorded a set of changes (${listed(data.folders.map(({ folder }) => folder)) || 'no folder'}): ${countsOf(data)}`,
  SyncStalled: ({ number, since }) => `Sync run ${number} has made no progress since ${since}, and was ended`,
  SyncRunFinished: ({ number, outcome, detail }) => `Sync run ${number} ${ENDED[outcome]}${because(detail)}`,
  BackfillRequested: ({ since }) => `Older mail was asked for, back to ${since}`,
  BackfillPaused: ({ since }) => `The backfill back to ${since} was paused`,
  BackfillResumed: ({ since }) => `The backfill back to ${since} was resumed`,
  BackfillFinished: ({ since }) => `The backfill back to ${since} finished`,
  ThreadsMerged: ({ threadId, other }) => `The thread ${other} was merged into ${threadId}`,
  ThreadSplit: ({ threadId, into, messageIds }) =>
    `The thread ${into} was split off from ${threadId}, with ${messageIds.length === 1 ? 'one message' : `${messageIds.length} messages`}`,
  ThreadMergeUndone: ({ threadId, other }) => `The merge of the thread ${other} into ${threadId} was undone`,
  ThreadSplitUndone: ({ threadId, into }) => `The split of the thread ${into} from ${threadId} was undone`,
  MessageSynced: (data) => {
    const what = data.direction === 'in' ? 'The message' : 'The sent message'
    return `${what} ${found(data)}${data.outgoingId === null ? '' : `; it is the copy of the email ${data.outgoingId}`}`
  },
  MessageDraftSynced: (data) => `The draft ${found({ ...data, direction: 'out' })}`,
  MessageAddedToFolder: ({ placement }) => `The message was found in ${placement.folder} as well`,
  MessageFlagsChanged: ({ placement, flags }) =>
    `The flags of the message in ${placement.folder} became: ${flagsOf(flags)}`,
  MessageRemovedFromFolder: ({ placement }) => `The message was gone from ${placement.folder}`,
  MessageQuarantined: ({ placement, attempts, reason }) =>
    `The message in ${placement.folder} could not be read (attempt ${attempts})${because(reason)}`,
  QuarantinedMessageSkipped: ({ reason, pattern }) => {
    switch (reason) {
      case undefined:
        return 'Somebody decided to skip the quarantined message'
      case 'pattern':
        return `The quarantined message was skipped because the exclude pattern ${pattern?.pattern} keeps it out`
      case 'no-known-contact':
        return 'The quarantined message was skipped because nobody on it is a known contact'
    }
  },
  MessageDeleted: ({ provider }) =>
    `The message was deleted${provider === 'trash' ? ', and its copies are to go into the trash of the mailbox' : ''}`,
  MessageBytesErased: () => 'The content of the deleted message was erased for good',
  MessageRestored: ({ deletedAt }) => `The deletion of the message at ${deletedAt} was undone`,
  MessageHidden: ({ pattern: { pattern } }) =>
    `The message was hidden because the exclude pattern ${pattern} matches it`,
  MessageShown: ({ byHand }) =>
    byHand
      ? 'Somebody had the hidden message shown, whatever the exclude patterns say'
      : 'The message is shown again because no exclude pattern matches it any more',
  PatternRunRequested: ({ patterns }) =>
    patterns.length === 0
      ? 'Somebody asked for no exclude pattern to hide mail that is here already'
      : `Somebody asked for the exclude patterns to be applied to mail that is here already: ${listed(patterns.map(({ pattern }) => pattern))}`,
  PatternRunProgressed: ({ examined, hidden, shown }) =>
    `Exclude patterns were applied to ${examined} messages so far: ${hidden} hidden, ${shown} shown again`,
  PatternRunFinished: ({ examined, hidden, shown, toFetch }) =>
    `Exclude patterns were applied to ${examined} messages: ${hidden} hidden, ${shown} shown again, ${toFetch} to be fetched again`,
  LeftOutMailFetched: () => 'All that exclude patterns had left out and no longer do was fetched again',
  MessageTrashed: ({ outcome, code }) =>
    ({
      moved: 'The copies of the deleted message were moved into the trash of the mailbox',
      none: 'The deleted message had left the mailbox already',
      impossible: `The copies of the deleted message could not be moved into the trash of the mailbox (${code})`,
    })[outcome],
  QuarantinedMessageReleased: ({ became }) =>
    `The quarantined message could be read after all and became the message ${became}`,
}
