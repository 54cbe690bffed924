import { startAhead } from '../../std/in-groups.ts'
import { tryAll } from '../../std/in-parallel.ts'
import { systemCaller } from '../handle.ts'
import { isOutage } from '../outage.ts'
import type { Clock } from '../ports/clock.ts'
import type { Leases } from '../ports/leases.ts'
import { MailUnavailable, type OpenMailbox } from '../ports/mail-provider.ts'
import type { confirmDelivery, SilentEmail } from './confirm-delivery.ts'
import type { confirmFound } from './confirm-found.ts'
import type { fileSentCopy, giveUpOnCopy } from './file-sent-copy.ts'
import type { EmailRead } from './read-email.ts'
import type { readReport, ReportToRead } from './read-report.ts'
import type { recoverReleased } from './recover-released.ts'
import type { sendEmail } from './send-email.ts'
import { oneByOne, pageByPage, restAfterFailure, underLease, type Resting } from '../to-do-work.ts'

// What happens to emails automatically. Each function goes through its to-do list once and answers whether there may be
// more. Leases keep two processes off one account to spare its server; correctness rests on the streams alone.

/** Accounts a process sends for at once: that many automations may share the result of `sendDue`. */
export const SEND_LANES = 8
const ACCOUNTS_AT_ONCE = 8
/** Twice the connections of an account (3): while some emails are on the wire, others are prepared and recorded. */
const EMAILS_AT_ONCE = 6
/** This many are read together, and as many ahead of them while they are sent. */
const READ_TOGETHER = 25
const PAGE = 50
/** After this many emails, or this long, an account gives way to others. */
const MOST_IN_A_TURN = 300
const TURN_MS = 30_000
/** This many deferrals in a row mean that the emails are not to blame. */
const TOO_MANY_IN_A_ROW = 10

const lease = (leases: Leases, accountId: string, signal: AbortSignal) =>
  leases.acquire(`send:${accountId}`, signal)

type ToDo = { readonly id: string; readonly accountId: string }
type EmailsBeingSent = (accountId: string | null, limit: number) => Promise<readonly ToDo[]>

export type SendDueDeps = {
  readonly leases: Leases
  readonly clock: Clock
  readonly accountsWithDue: (limit: number) => Promise<readonly string[]>
  readonly dueEmails: (accountId: string, limit: number) => Promise<readonly string[]>
  readonly emailsBeingSent: EmailsBeingSent
  readonly read: (id: string) => Promise<EmailRead>
  readonly send: ReturnType<typeof sendEmail>
  readonly recover: (...told: Parameters<ReturnType<typeof recoverReleased>>) => Promise<unknown>
  /** How long an account rests, at first and at most, when its server defers everything. */
  readonly restMs?: { readonly first: number; readonly most: number }
}

/**
 * Sends what is due for the account that has waited longest, under its lease; false if there is none. Several lanes may
 * share it, so that a slow server holds up no other account.
 */
export const sendDue = (deps: SendDueDeps) => {
  const running = new Set<string>()
  const resting = restAfterFailure(deps.restMs ?? { first: 15_000, most: 5 * 60_000 })
  const recover = recoverOneByOne(deps)
  const takeTurn = async (accountId: string, stop: AbortSignal): Promise<boolean> => {
    const beingSent = await deps.emailsBeingSent(accountId, PAGE + recover.resting())
    const [recovered] = await Promise.allSettled([recover(beingSent, stop)])
    const tried = await sendInTurn(deps, accountId, resting, stop)
    if (recovered.status === 'rejected') throw recovered.reason
    return tried
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const due = await deps.accountsWithDue(PAGE + running.size + resting.size())
    for (const accountId of due) {
      if (running.has(accountId) || resting.isResting(accountId)) continue
      running.add(accountId)
      try {
        const held = await lease(deps.leases, accountId, signal)
        if (held && (await underLease(held, signal, (stop) => takeTurn(accountId, stop)))) return true
      } catch (fault) {
        // This account has waited longest: without a rest it would come first again and again.
        if (!isOutage(fault)) resting.failed(accountId)
        throw fault
      } finally {
        running.delete(accountId)
      }
    }
    return false
  }
}

/** @returns whether anything was tried */
const sendInTurn = async (
  deps: SendDueDeps,
  accountId: string,
  resting: Resting,
  signal: AbortSignal,
): Promise<boolean> => {
  const tried = new Set<string>()
  const until = performance.now() + TURN_MS
  let attempts = 0
  let inARow = 0
  // After failures a single email goes ahead, to see whether the server is back.
  let most = resting.hasFailed(accountId) ? 1 : MOST_IN_A_TURN
  const isOver = () => signal.aborted || inARow >= Math.min(most, TOO_MANY_IN_A_ROW)
  const mayTry = () => !isOver() && performance.now() < until
  while (mayTry() && tried.size < MOST_IN_A_TURN) {
    // The list lags behind what was just sent.
    const page = Math.min(most, MOST_IN_A_TURN - tried.size)
    const due = await deps.dueEmails(accountId, tried.size + page)
    const fresh = due.filter((id) => !tried.has(id)).slice(0, page)
    if (fresh.length === 0) break
    const readAhead = startAhead(fresh, READ_TOGETHER, deps.read)
    await tryAll(fresh, EMAILS_AT_ONCE, async (id) => {
      if (!mayTry()) return
      tried.add(id)
      const caller = systemCaller('sender', deps.clock, id)
      const result = await deps.send(caller, id, signal, readAhead(id))
      if (['over', 'not-due', 'paused'].includes(result)) return
      attempts++
      inARow = result === 'deferred' ? inARow + 1 : 0
    })
    if (inARow === 0) most = MOST_IN_A_TURN
  }
  if (attempts > 0 && !signal.aborted) resting[isOver() ? 'failed' : 'succeeded'](accountId)
  return attempts > 0
}

const recoverOneByOne = (deps: Pick<SendDueDeps, 'clock' | 'recover'>) =>
  oneByOne<ToDo>(
    ({ id }) => id,
    ({ id }, signal) => deps.recover(systemCaller('sender', deps.clock, id), id, signal),
  )

export type RecoverDeadSendsDeps = Pick<SendDueDeps, 'leases' | 'clock' | 'emailsBeingSent' | 'recover'>

/** Recovers emails whose sender died, which shows in that the lease of their account is free. */
export const recoverDeadSends = (deps: RecoverDeadSendsDeps) => {
  const recover = recoverOneByOne(deps)
  return async (signal: AbortSignal): Promise<boolean> => {
    const rows = await deps.emailsBeingSent(null, PAGE + recover.resting())
    const byAccount = [...Map.groupBy(rows, ({ accountId }) => accountId)]
    await tryAll(byAccount, ACCOUNTS_AT_ONCE, async ([accountId, emails]) => {
      const held = await lease(deps.leases, accountId, signal)
      if (held) await underLease(held, signal, (stop) => recover(emails, stop))
    })
    return false
  }
}

export type FileCopiesDeps = {
  readonly leases: Leases
  readonly clock: Clock
  readonly openMailbox: OpenMailbox
  readonly copiesToFile: (limit: number) => Promise<readonly { accountId: string; ids: readonly string[] }[]>
  readonly file: ReturnType<typeof fileSentCopy>
  readonly giveUp: ReturnType<typeof giveUpOnCopy>
}

/** Files copies into Sent folders, in one session per account; unavailable mailboxes are left alone for a while. */
export const fileCopies = (deps: FileCopiesDeps) => {
  const resting = restAfterFailure({ first: 30_000, most: 30 * 60_000 })
  const fileOf = async (accountId: string, ids: readonly string[], signal: AbortSignal): Promise<void> => {
    try {
      const session = await deps.openMailbox(accountId, signal)
      try {
        for (const id of ids)
          if (!signal.aborted) await deps.file(systemCaller('filer', deps.clock, id), id, session)
      } finally {
        await session?.close()
      }
      resting.succeeded(accountId)
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      resting.failed(accountId)
      for (const id of ids) await deps.giveUp(systemCaller('filer', deps.clock, id), id)
    }
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const waiting = await deps.copiesToFile(PAGE)
    const reachable = waiting.filter(({ accountId }) => !resting.isResting(accountId))
    await tryAll(reachable, ACCOUNTS_AT_ONCE, async ({ accountId, ids }) => {
      const held = await deps.leases.acquire(`copies:${accountId}`, signal)
      if (held) await underLease(held, signal, (stop) => fileOf(accountId, ids, stop))
    })
    return reachable.some(({ ids }) => ids.length === PAGE)
  }
}

export type ConfirmDeliveriesDeps = {
  readonly clock: Clock
  readonly dueDeliveries: (limit: number) => Promise<readonly SilentEmail[]>
  readonly confirm: (...told: Parameters<ReturnType<typeof confirmDelivery>>) => Promise<unknown>
}

/** Counts emails as delivered if nothing has come back within the window. */
export const confirmDeliveries = ({ clock, dueDeliveries, confirm }: ConfirmDeliveriesDeps) =>
  pageByPage(
    PAGE,
    dueDeliveries,
    ({ id }) => id,
    (email) => confirm(systemCaller('deliveries', clock, email.id), email),
  )

export type ConfirmFoundEmailsDeps = {
  readonly clock: Clock
  readonly foundEmails: (limit: number) => Promise<readonly { id: string; foundAt: string }[]>
  readonly confirm: (...told: Parameters<ReturnType<typeof confirmFound>>) => Promise<unknown>
}

/** Settles unknown outcomes by what a sync has found since. */
export const confirmFoundEmails = ({ clock, foundEmails, confirm }: ConfirmFoundEmailsDeps) =>
  pageByPage(
    PAGE,
    foundEmails,
    ({ id }) => id,
    ({ id, foundAt }) => confirm(systemCaller('evidence', clock, id), { outgoingId: id, foundAt }),
  )

export type ReadReportsDeps = {
  readonly clock: Clock
  readonly unreadReports: (limit: number) => Promise<readonly ReportToRead[]>
  readonly read: ReturnType<typeof readReport>
}

/** Reads delivery reports. */
export const readReports = ({ clock, unreadReports, read }: ReadReportsDeps) =>
  pageByPage(
    PAGE,
    unreadReports,
    ({ messageId }) => messageId,
    (report, signal) => read(systemCaller('reports', clock, report.messageId), report, signal),
  )
