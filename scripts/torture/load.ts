import { setTimeout as sleep } from 'node:timers/promises'
import { Unanswered, type Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Fire } from './fire.ts'
import { directoryWork } from './load-directory.ts'
import { linkDecisionWork, threadWork } from './load-decisions.ts'
import { layMail, mailToLinkWork, recordWork, rulesWork, untilSynced } from './load-links.ts'
import { mailboxWork, syncWork, type MailboxTruth } from './load-mailboxes.ts'
import { sendingWork, type Wish } from './load-sending.ts'
import { trackingWork, type Hit } from './load-tracking.ts'
import { apiClient } from '../lib/client.ts'
import { connectBySigningIn } from '../lib/connect-by-signing-in.ts'
import type { Scenario } from './options.ts'
import { EXCLUDED, type Person, type World } from './world.ts'

/** What was requested of the service, as far as the client knows. */
export type Asked = {
  readonly accounts: ReadonlyMap<string, string>
  readonly wishes: readonly Wish[]
  readonly hits: readonly Hit[]
  readonly mailboxes: MailboxTruth
}

export type LoadParts = {
  readonly scenario: Scenario
  readonly mails: number
  readonly world: World
  readonly fire: Fire
  readonly commander: Commander
  readonly chance: Chance
  /** Roughly how long the kills will continue. */
  readonly fireMs: number
  /** Aborts when no more is to be requested; requests in progress continue until they are answered. */
  readonly enough: AbortSignal
}

const SENDERS = 6
const READERS = 2
/** Queued before the kills begin, to be sent throughout: a service that has just started is slow to queue new ones. */
const AHEAD = 40

/** Connects the accounts, and keeps the service busy in every way until `enough` aborts. */
export const load = (parts: LoadParts): { asked: Asked; warm: Promise<void>; done: Promise<void> } => {
  const { chance, enough, fireMs } = parts
  const warm = Promise.withResolvers<void>()
  const accounts = new Map<string, string>()
  const mailboxes: MailboxTruth = { validity: new Map() }
  const wishes: Wish[] = []
  const hits: Hit[] = []
  const branch = (name: string) => ({ ...parts, chance: chance.branch(name), accounts })

  const forever = async (name: string, pauseMs: number, work: (part: ReturnType<typeof branch>) => Work) => {
    const part = branch(name)
    const step = work(part)
    while (!enough.aborted) {
      await step()
      await sleep(part.chance.between(0, pauseMs), undefined, { signal: enough }).catch(() => {})
    }
  }
  const busy: Record<Scenario, { ahead: () => Promise<unknown>; works: () => Promise<void>[] }> = {
    mail: {
      ahead: () =>
        Promise.all(
          Array.from({ length: SENDERS }, async (_, n) => {
            const queue = sendingWork({ ...branch(`ahead ${n}`), withinMs: fireMs }, wishes)
            while (wishes.length < AHEAD && !enough.aborted) await queue()
          }),
        ),
      works: () => [
        ...Array.from({ length: SENDERS }, (_, n) =>
          forever(`sender ${n}`, 250, (part) => sendingWork({ ...part, withinMs: null }, wishes)),
        ),
        ...Array.from({ length: READERS }, (_, n) =>
          forever(`reader ${n}`, 120, (part) => trackingWork(part, hits)),
        ),
        forever('mailboxes', 600, (part) => mailboxWork(part, mailboxes)),
        forever('sync', 1500, (part) => syncWork(part)),
        forever('directory', 500, (part) => directoryWork(part)),
      ],
    },
    links: {
      ahead: () => untilSynced({ ...parts, accounts }),
      works: () => [
        forever('mail', 600, (part) => mailToLinkWork(part)),
        forever('sync', 1500, (part) => syncWork(part)),
        forever('records', 150, (part) => recordWork(part)),
        forever('rules', 4000, (part) => rulesWork(part)),
        forever('decisions', 300, (part) => linkDecisionWork(part)),
        forever('threads', 500, (part) => threadWork(part)),
      ],
    },
  }
  const run = async () => {
    if (parts.scenario === 'links') layMail(branch('laid'))
    await prepare(parts, accounts)
    await busy[parts.scenario].ahead()
    warm.resolve()
    await Promise.all(busy[parts.scenario].works())
  }
  const asked = { accounts, wishes, hits, mailboxes }
  return {
    asked,
    warm: warm.promise,
    // Unanswered commands are in the commander's list; the invariants report them.
    done: run().catch((error: unknown) => {
      if (!(error instanceof Unanswered)) throw error
    }),
  }
}

export type Work = () => Promise<void>

/** People, and an account of each. */
const prepare = async (parts: LoadParts, accounts: Map<string, string>): Promise<void> => {
  const { commander, world, fire } = parts
  // Its first key is printed when it is ready, not when it begins to answer.
  while (fire.key() === '') await fire.up(1000)
  for (const { user, name } of world.people)
    await commander.ask({
      name: 'put user',
      method: 'PUT',
      path: `/v1/directory/users/${user}`,
      body: { name },
    })
  await Promise.all(
    world.people.map(async (person) => {
      const connect = person.provider === 'imap-smtp' ? connectByPassword : connectWithProvider
      let failed = ''
      for (let tries = 0; tries < MOST_TRIES && !accounts.has(person.address); tries++) {
        const { id, why } = await connect(parts, person)
        if (id !== null) accounts.set(person.address, id)
        failed = why
      }
      if (!accounts.has(person.address))
        throw new Error(`${person.address} could not be connected: ${failed}`)
    }),
  )
}

/** Each of them may be broken off by the first kill, or by the start after it. */
const MOST_TRIES = 10

type Connected = { readonly id: string | null; readonly why: string }

const settings = { syncFrequencyMinutes: 1, excludePatterns: [{ pattern: EXCLUDED, match: 'sender' }] }

const connectByPassword = async (
  { commander, world }: LoadParts,
  { user, address }: Person,
): Promise<Connected> => {
  const login = { host: '127.0.0.1', username: address, password: world.passwords[address] }
  const body = {
    address,
    owner: { kind: 'user', userId: user },
    connection: {
      provider: 'imap-smtp',
      smtp: { ...login, port: world.sink.port, encryption: 'starttls' },
      imap: { ...login, port: world.imap.port, encryption: 'tls' },
    },
    settings,
  }
  const { answer } = await commander.ask({
    name: 'connect account',
    method: 'POST',
    path: '/v1/email-accounts',
    body,
    mark: address,
  })
  // A kill during the connection test may make it look like the mail server's fault.
  const id = answer.status === 201 ? (answer.body as { id: string }).id : null
  return { id, why: JSON.stringify(answer.body) }
}

/** A kill breaks a sign-in off; then the user begins another, unless the account is there already. */
const connectWithProvider = async (
  { commander, fire }: LoadParts,
  { user, address, provider }: Person,
): Promise<Connected> => {
  if (provider === 'imap-smtp') throw new TypeError(`${address} has a password`)
  try {
    await fire.up(10_000)
    const client = apiClient(fire.trackingUrl, fire.key(), user)
    return { id: await connectBySigningIn(client, { provider, address, settings }), why: '' }
  } catch (error) {
    await sleep(1000)
    const { data } = await commander.get<{ data: { id: string; address: string }[] }>('/v1/email-accounts')
    return { id: data.find((account) => account.address === address)?.id ?? null, why: String(error) }
  }
}
