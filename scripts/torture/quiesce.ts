import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Commander } from './commander.ts'
import { changeLast } from './load-links.ts'
import type { Scenario } from './options.ts'
import type { World } from './world.ts'

/** Longer than the longest backoff that this few failures can cause. */
const QUIET_WITHIN_MS = 180_000

type Parts = {
  readonly scenario: Scenario
  readonly spools: readonly string[]
  readonly world: World
  readonly commander: Commander
  readonly accounts: ReadonlyMap<string, string>
  readonly onWait: (what: string) => void
}

type Outbox = { data: { id: string; copy: string | null; dueAt: string | null }[] }
type Runs = { data: { number: number; time: string; finishedAt: string | null; trigger: string }[] }
type LinkRuns = { data: { upTo: string; finishedAt: string | null }[] }
type Projections = {
  data: {
    name: string
    position: string | null
    head: string | null
    error: string | null
    parked: { events: number }
  }[]
}

type Step = [string, (parts: Parts) => Promise<boolean>]

/**
 * Waits until nothing is left to do: no command unanswered, no email due, every copy filed, a complete sync run of each
 * account after the last change of its mailbox, no hit in the spool, and every read model at the head.
 * @returns what is still unfinished; empty if nothing
 */
export const quiesce = async (parts: Parts): Promise<string[]> => {
  const deadline = Date.now() + QUIET_WITHIN_MS
  const steps: Step[] = [
    ['commands to be answered', ({ commander }) => Promise.resolve(commander.waiting() === 0)],
    ['emails to be sent', nothingWaits],
    ['copies to be filed', copiesAreFiled],
    ['the spool of hits', spoolIsEmpty],
    ['a sync run after all changes', hasSynced],
    ['answers of customers to be recorded', repliesAreRecorded],
    ...(parts.scenario === 'links'
      ? [['changed facts to have reached older mail', hasReachedBack()] satisfies Step]
      : []),
    ['read models at the head', atHead],
  ]
  const stuck: string[] = []
  for (const [what, isDone] of steps) {
    parts.onWait(what)
    while (!(await isDone(parts)))
      if (Date.now() > deadline) {
        stuck.push(`Still waiting for ${what} after ${QUIET_WITHIN_MS / 1000} s`)
        break
      } else await sleep(150)
  }
  return stuck
}

const nothingWaits = async ({ commander }: Parts): Promise<boolean> => {
  for (const state of ['queued', 'scheduled', 'deferred', 'sending'])
    if ((await commander.get<Outbox>(`/v1/outbox?state=${state}&limit=1`)).data.length > 0) return false
  return true
}

const copiesAreFiled = async ({ commander }: Parts): Promise<boolean> => {
  type Page = Outbox & { nextCursor: string | null }
  let cursor: string | null = ''
  while (cursor !== null) {
    const next: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: Page = await commander.get<Page>(`/v1/outbox?state=sent&limit=200${next}`)
    if (page.data.some(({ copy }) => copy === null)) return false
    cursor = page.nextCursor
  }
  return true
}

/**
 * A sync run that began after the last change, in each account: requested again, in case the mailbox has changed since.
 */
const hasSynced = async ({ commander, world, accounts }: Parts): Promise<boolean> => {
  for (const id of accounts.values()) {
    const since = Date.now()
    await commander.ask({
      name: 'sync now',
      method: 'POST',
      path: `/v1/email-accounts/${id}/sync-runs`,
      mark: id,
    })
    for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
      const { data } = await commander.get<Runs>(`/v1/email-accounts/${id}/sync-runs?limit=5`)
      if (data.some((run) => Date.parse(run.time) >= since && run.finishedAt !== null)) break
      if (Date.now() > deadline) return false
    }
    if (world.laid.some(({ user, at }) => accounts.get(user) === id && at >= since)) return false
  }
  return true
}

const spoolIsEmpty = ({ spools }: Parts): Promise<boolean> =>
  Promise.resolve(
    spools.flatMap((folder) => fs.readdirSync(folder)).every((name) => name.endsWith('.damaged')),
  )

/** The automation polls; its to-do list is not part of the API, so wait until the head stays the same. */
const repliesAreRecorded = async ({ commander }: Parts): Promise<boolean> => {
  const head = async () => (await commander.get<Projections>('/v1/projections')).data[0]?.head
  const before = await head()
  await sleep(3000)
  return (await head()) === before
}

/** Changes reach back in their order, so what comes last has when all have. */
const hasReachedBack = (): Step[1] => {
  let last: Promise<Command> | null = null
  return async ({ commander }) => {
    const { answer } = await (last ??= changeLast(commander))
    const { data } = await commander.get<LinkRuns>('/v1/link-runs?limit=1')
    return data.some(({ upTo, finishedAt }) => upTo >= answer.position! && finishedAt !== null)
  }
}

const atHead = async ({ commander }: Parts): Promise<boolean> => {
  const { data } = await commander.get<Projections>('/v1/projections')
  return data.every(
    ({ position, head, error, parked }) => position === head && error === null && parked.events === 0,
  )
}
