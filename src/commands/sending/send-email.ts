import { NotFound } from '../../domain/decider.ts'
import { defineCode, internalError } from '../../domain/refusal.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../domain/sending/outgoing-commands.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { newCommandId, type Caller, type Handle, type Known } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Access, EmailToSend, MailProvider, ProviderOf, SendOutcome } from '../ports/mail-provider.ts'
import type { Chance } from './ports.ts'
import { StaleRevision } from '../revisions.ts'
import { isAnswer, untilAnswered } from './until-answered.ts'
import { prepareAttempt, type PrepareDeps } from './prepare-attempt.ts'
import { readEmail, type EmailRead, type ReadEmailDeps } from './read-email.ts'

export type SendDeps = PrepareDeps &
  ReadEmailDeps & {
    readonly handle: Handle
    readonly clock: Clock
    readonly chance: Chance
    readonly providerOf: ProviderOf
  }

/** `over`: no longer waiting. `not-due`, `paused`: not now. The others are the result of the attempt. */
export type AttemptResult = SendOutcome['kind'] | 'over' | 'not-due' | 'paused'

/** The provider keeps the email ready in the meantime. */
const RELEASE_PATIENCE_MS = 5_000
/** The answer must not be lost, or an email known to have been sent would count as unknown. */
const ANSWER_PATIENCE_MS = 120_000

/**
 * Makes one attempt to send an email. The release, without which nothing is sent, is appended at exactly the revision
 * that was loaded, so among several senders, a cancel and a long pause only one wins. The result is recorded however
 * long the store takes to answer. Never makes a second attempt.
 * @param reading where the email was read ahead: then too its revision decides
 */
export const sendEmail =
  (deps: SendDeps) =>
  async (
    caller: Caller,
    outgoingId: string,
    signal: AbortSignal,
    reading: Promise<EmailRead> = readEmail(deps)(outgoingId),
  ): Promise<AttemptResult> => {
    const stream = outgoingStream(outgoingId)
    const { loaded, mime } = await reading
    const { state } = loaded
    if (state.status !== 'queued' && state.status !== 'deferred') return 'over'
    const now = deps.clock()
    if (now.getTime() < Date.parse(state.dueAt)) return 'not-due'
    const prepared = await prepareAttempt(deps)(state, now, mime)
    if (prepared.kind === 'paused') return 'paused'
    const attempt = state.attempts + 1
    const release = releaseOf(deps, caller, stream, loaded, attempt)
    const { envelope, header } = state.email
    const email = (content: Buffer): EmailToSend => ({
      envelope: { from: envelope.from, recipients: state.pending },
      messageId: header.messageId,
      mime: content,
    })
    const { outcome, fault } =
      prepared.kind === 'ready'
        ? await send(
            deps.providerOf(prepared.access.connection),
            prepared.access,
            email(prepared.mime),
            release,
            signal,
          )
        : { outcome: prepared, fault: null }
    const released = await release.wasGiven()
    // Nothing was sent, yet the stream has the release: it is taken back.
    const told = outcome.kind === 'withdrawn' && released ? notReleased : outcome
    // Where the provider has a name for what it prepared, its mailbox can tell: that is asked before anything is recorded.
    const canBeTold = told.kind === 'unknown' && release.handle() !== null
    const command = canBeTold ? null : commandOf(deps, told, attempt, released)
    const recorded =
      !command || (await record(deps, caller, stream, command, release.given() ?? loaded, released))
    if (fault) throw fault
    // A release that the log did not take is no deferral by the mail server.
    return recorded ? outcome.kind : 'over'
  }

const releaseNotRecorded = defineCode('release-not-recorded', {
  title: 'Release not recorded',
  meaning:
    'The event log did not answer in time to record that the email was about to be sent, so it was not sent.',
  remedy: 'Do nothing: it is tried again automatically.',
})

const notReleased: SendOutcome = {
  kind: 'deferred',
  code: releaseNotRecorded.code,
  reason: releaseNotRecorded.meaning,
}

type Loaded = Known<OutgoingEmail>

type Release = {
  readonly ask: (handle: string | null) => Promise<boolean>
  readonly wasGiven: () => Promise<boolean>
  /** What the provider calls the email that it has prepared. */
  readonly handle: () => string | null
  /** The email as the release left it. */
  readonly given: () => Loaded | undefined
}

const releaseOf = (
  { handle, clock }: SendDeps,
  caller: Caller,
  stream: string,
  known: Loaded,
  attempt: number,
): Release => {
  let state: 'not-given' | 'given' | 'in-doubt' = 'not-given'
  let given: Loaded | undefined
  let named: string | null = null
  const append = async (patienceMs: number): Promise<boolean> => {
    const command = { do: 'release', attempt, handle: named, now: clock().toISOString() } as const
    const options = { ifRevision: known.revision, known }
    const once = () => handle(outgoingEmail, stream, command, caller, options)
    try {
      given = await untilAnswered(once, patienceMs)
      state = 'given'
    } catch (error) {
      state = isAnswer(error) ? 'not-given' : 'in-doubt'
    }
    return state === 'given'
  }
  return {
    ask: (name) => {
      named = name
      return append(RELEASE_PATIENCE_MS)
    },
    // If the store did not answer, the release may have been recorded all the same.
    wasGiven: async () => (state === 'in-doubt' ? append(ANSWER_PATIENCE_MS) : state === 'given'),
    handle: () => named,
    given: () => given,
  }
}

/** The outcome; if the provider failed unexpectedly, what that leaves behind, and the fault. */
const send = async (
  provider: MailProvider,
  access: Access,
  email: EmailToSend,
  release: Release,
  signal: AbortSignal,
): Promise<{ outcome: SendOutcome; fault: Error | null }> => {
  try {
    return { outcome: await provider.send(access, email, release.ask, signal), fault: null }
  } catch (error) {
    const reason = 'The mail provider could not be used because of a fault in Mailtrail'
    const outcome: SendOutcome = (await release.wasGiven())
      ? { kind: 'unknown', reason }
      : { kind: 'deferred', code: internalError.code, reason }
    return { outcome, fault: error instanceof Error ? error : new Error(reason, { cause: error }) }
  }
}

/**
 * Without a release, the result holds only for the email as it was loaded: it may have been cancelled, changed and
 * queued again since. @returns whether it still was that email
 */
const record = async (
  deps: SendDeps,
  caller: Caller,
  stream: string,
  command: OutgoingCommand,
  known: Loaded,
  released: boolean,
): Promise<boolean> => {
  const told = { ...caller, commandId: newCommandId(deps.clock()), causationId: caller.commandId }
  const options = released ? { known } : { known, ifRevision: known.revision }
  try {
    await untilAnswered(() => deps.handle(outgoingEmail, stream, command, told, options), ANSWER_PATIENCE_MS)
    return true
  } catch (error) {
    if (!(error instanceof StaleRevision || error instanceof NotFound)) throw error
    return false
  }
}

const commandOf = (
  deps: SendDeps,
  outcome: SendOutcome,
  attempt: number,
  released: boolean,
): OutgoingCommand | null => {
  const again = { now: deps.clock().toISOString(), chance: deps.chance() }
  switch (outcome.kind) {
    case 'sent': {
      const { accepted, refused, putOff } = outcome
      return { do: 'record-sent', attempt, accepted, refused, deferred: putOff, ...again, until: null }
    }
    case 'deferred': {
      const until = outcome.until?.toISOString() ?? null
      const { code, reason, refused = [], putOff = [] } = outcome
      return {
        do: 'record-deferred',
        attempt,
        released,
        code,
        reason,
        refused,
        deferred: putOff,
        ...again,
        until,
      }
    }
    case 'failed': {
      const { code, reason, remedy, refused } = outcome
      return { do: 'record-failed', attempt, released, code, reason, remedy, refused }
    }
    case 'unknown':
      return { do: 'record-unknown', attempt, reason: outcome.reason }
    case 'withdrawn':
      return null
  }
}
