import { newCommandId, type Caller } from '../handle.ts'
import type { Clock, Lease, Leases } from '../ports.ts'
import type { confirmDelivery } from './confirm-delivery.ts'
import type { confirmFound } from './confirm-found.ts'
import type { fileSentCopy, giveUpOnCopy } from './file-sent-copy.ts'
import type { OpenMailbox } from './neighbours.ts'
import type { recoverReleasing } from './recover-releasing.ts'
import type { sendMessage } from './send-message.ts'
import { isAway, openSentFolder } from './sent-folder.ts'

// What happens to messages unasked. Each function looks at its to-do list once, and answers whether there may be more.
// Leases keep two processes off one account, to spare its server; what is right is decided by the streams alone.

const ACCOUNTS_AT_ONCE = 8
/** As the pool of connections: more messages at once would only wait for each other. */
const MESSAGES_AT_ONCE = 3
const PAGE = 50
/** After so many an account lets others have their turn. */
const MOST_IN_A_TURN = 300

const lease = (leases: Leases, accountId: string, signal: AbortSignal) =>
  leases.acquire(`send:${accountId}`, signal)

type ToDo = { readonly id: string; readonly accountId: string }
type ReleasingMessages = (accountId: string | null, limit: number) => Promise<readonly ToDo[]>

export type SendDue = {
  readonly leases: Leases
  readonly clock: Clock
  readonly accountsWithDue: (limit: number) => Promise<readonly string[]>
  readonly dueMessages: (accountId: string, limit: number) => Promise<readonly string[]>
  readonly releasingMessages: ReleasingMessages
  readonly send: ReturnType<typeof sendMessage>
  readonly recover: ReturnType<typeof recoverReleasing>
}

/** Sends what is due, of several accounts at a time, of each under its lease. */
export const sendDue =
  (deps: SendDue) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const accounts = await deps.accountsWithDue(PAGE)
    const worked = await each(accounts, ACCOUNTS_AT_ONCE, async (accountId) => {
      const held = await lease(deps.leases, accountId, signal)
      return held !== null && under(held, signal, (stop) => sendOf(deps, accountId, stop))
    })
    return worked.includes(true)
  }

const sendOf = async (deps: SendDue, accountId: string, signal: AbortSignal): Promise<boolean> => {
  for (const { id } of await deps.releasingMessages(accountId, PAGE))
    await deps.recover(automatic(deps.clock, 'sender', id), id, signal)
  const tried = new Set<string>()
  let attempts = 0
  while (!signal.aborted && tried.size < MOST_IN_A_TURN) {
    // The list lags behind what was just sent.
    const due = await deps.dueMessages(accountId, tried.size + PAGE)
    const fresh = due.filter((id) => !tried.has(id)).slice(0, PAGE)
    if (fresh.length === 0) break
    const results = await each(fresh, MESSAGES_AT_ONCE, async (id) => {
      if (signal.aborted) return 'over'
      tried.add(id)
      return deps.send(automatic(deps.clock, 'sender', id), id, signal)
    })
    attempts += results.filter((result) => !['over', 'not-due', 'paused'].includes(result)).length
  }
  return attempts > 0
}

export type RecoverReleasing = Pick<SendDue, 'leases' | 'clock' | 'releasingMessages' | 'recover'>

/** Looks after messages whose sender died: the lease of their account can be had again. */
export const recoverDeadSends =
  (deps: RecoverReleasing) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const rows = await deps.releasingMessages(null, PAGE)
    const byAccount = [...Map.groupBy(rows, ({ accountId }) => accountId)]
    await each(byAccount, ACCOUNTS_AT_ONCE, async ([accountId, messages]) => {
      const held = await lease(deps.leases, accountId, signal)
      if (!held) return
      await under(held, signal, async (stop) => {
        for (const { id } of messages) await deps.recover(automatic(deps.clock, 'sender', id), id, stop)
      })
    })
    return false
  }

export type FileCopies = {
  readonly leases: Leases
  readonly clock: Clock
  readonly openMailbox: OpenMailbox
  readonly copiesToFile: (limit: number) => Promise<readonly { accountId: string; ids: readonly string[] }[]>
  readonly file: ReturnType<typeof fileSentCopy>
  readonly giveUp: ReturnType<typeof giveUpOnCopy>
}

const FIRST_WAIT_MS = 30_000
const LONGEST_WAIT_MS = 30 * 60_000

/** Files copies into Sent folders, over one session an account; mailboxes that are away are left alone for a while. */
export const fileCopies = (deps: FileCopies) => {
  const away = new Map<string, { failures: number; until: number }>()
  const fileOf = async (accountId: string, ids: readonly string[], signal: AbortSignal): Promise<void> => {
    try {
      const folder = await openSentFolder(deps)(accountId, signal)
      try {
        for (const id of ids)
          if (!signal.aborted) await deps.file(automatic(deps.clock, 'filer', id), id, folder)
      } finally {
        await folder?.session.close()
      }
      away.delete(accountId)
    } catch (error) {
      if (!isAway(error)) throw error
      const failures = (away.get(accountId)?.failures ?? 0) + 1
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS)
      away.set(accountId, { failures, until: performance.now() + waitMs })
      for (const id of ids) await deps.giveUp(automatic(deps.clock, 'filer', id), id)
    }
  }
  return async (signal: AbortSignal): Promise<boolean> => {
    const waiting = await deps.copiesToFile(PAGE)
    const now = performance.now()
    const reachable = waiting.filter(({ accountId }) => (away.get(accountId)?.until ?? 0) <= now)
    await each(reachable, ACCOUNTS_AT_ONCE, async ({ accountId, ids }) => {
      const held = await deps.leases.acquire(`copies:${accountId}`, signal)
      if (held) await under(held, signal, (stop) => fileOf(accountId, ids, stop))
    })
    return reachable.some(({ ids }) => ids.length === PAGE)
  }
}

export type ConfirmDeliveries = {
  readonly clock: Clock
  readonly dueDeliveries: (limit: number) => Promise<readonly string[]>
  readonly confirm: ReturnType<typeof confirmDelivery>
}

/** Takes for delivered what has not come back within the window. */
export const confirmDeliveries =
  (deps: ConfirmDeliveries) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const due = await deps.dueDeliveries(PAGE)
    for (const id of due) if (!signal.aborted) await deps.confirm(automatic(deps.clock, 'deliveries', id), id)
    return due.length === PAGE
  }

export type ConfirmFoundMessages = {
  readonly clock: Clock
  readonly metMessages: (limit: number) => Promise<readonly { id: string; metAt: string }[]>
  readonly confirm: ReturnType<typeof confirmFound>
}

/** Settles unknown outcomes by what a sync has met since. */
export const confirmFoundMessages =
  (deps: ConfirmFoundMessages) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const met = await deps.metMessages(PAGE)
    for (const { id, metAt } of met)
      if (!signal.aborted)
        await deps.confirm(automatic(deps.clock, 'evidence', id), { outgoingId: id, metAt })
    return met.length === PAGE
  }

const automatic = (clock: Clock, id: string, outgoingId: string): Caller => ({
  actor: { kind: 'system', id },
  commandId: newCommandId(clock()),
  correlationId: outgoingId,
  causationId: null,
})

const under = async <Result>(
  held: Lease,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  try {
    return await work(AbortSignal.any([signal, held.signal]))
  } finally {
    await held.release()
  }
}

/** Works on all items, some at a time; a fault in one keeps none of the others back, and is thrown in the end. */
const each = async <Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  const faults: unknown[] = []
  const queue = items.values()
  const worker = async () => {
    for (const item of queue)
      await work(item).then(
        (result) => results.push(result),
        (fault: unknown) => faults.push(fault),
      )
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (faults.length === 1) throw faults[0]
  if (faults.length > 1) throw new AggregateError(faults, `${faults.length} of ${items.length} failed`)
  return results
}
