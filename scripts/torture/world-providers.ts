import { setTimeout as sleep } from 'node:timers/promises'
import { startGoogleAndMicrosoft } from '../lib/mail-servers/google-and-microsoft.ts'
import type { TestTls } from '../lib/mail-servers/tls.ts'
import type { Chance } from './chance.ts'
import type { Person, Sunk } from './world.ts'

/** An email that a provider takes; `lost`: whoever sends it is never told. */
export type Take = (mail: Pick<Sunk, 'user' | 'from' | 'recipients' | 'raw'>) => Promise<'lost' | 'answered'>

type Parts = {
  readonly people: readonly Person[]
  readonly tls: TestTls
  readonly redirectUri: () => string
  readonly chance: Chance
  readonly take: Take
  /** Called when an email has been released and has not been taken yet. */
  readonly released: () => void
}

/**
 * Doubles of Google and Microsoft that are never killed, with the mailboxes of those who sign in with them. They are slow
 * where a kill is to hit, and some requests get lost on their way.
 */
export const openProviders = async ({ people, tls, redirectUri, chance, take, released }: Parts) => {
  const servers = await startGoogleAndMicrosoft(redirectUri, tls)
  const { google, microsoft, gmail, graph } = servers
  const sentAt = new Map<string, () => Buffer[]>()
  const draftsAt = new Map<string, () => Buffer[]>()
  for (const { user, address, provider } of people)
    if (provider === 'gmail') {
      google.addPerson({ id: `google-${user}`, address })
      const mailbox = gmail.addMailbox(address, `behind-${user}`)
      const labelled = (label: string) => () =>
        mailbox.messages().flatMap(({ raw, labels }) => (labels.includes(label) ? [raw] : []))
      sentAt.set(address, labelled('SENT'))
      draftsAt.set(address, labelled('DRAFT'))
    } else if (provider === 'outlook') {
      microsoft.addPerson({ id: `microsoft-${user}`, address })
      const mailbox = graph.addMailbox(address, `behind-${user}`)
      const lyingIn = (folder: string) => () =>
        mailbox.messages(mailbox.folder(folder)!.id).map(({ raw }) => raw)
      sentAt.set(address, lyingIn('sentitems'))
      draftsAt.set(address, lyingIn('drafts'))
    }
  /** Whether a request to make or to send a draft gets lost before it comes to anything. */
  const isLost = async (step: 'draft' | 'send' | null): Promise<boolean> => {
    if (step === null) return false
    if (step === 'send') released()
    await sleep(chance.oneIn(4) ? chance.between(50, 300) : chance.between(0, 10))
    return chance.oneIn(80)
  }
  gmail.fault = async ({ method, path }) => {
    const isDraft = method === 'POST' && path === 'drafts'
    const step = isDraft ? 'draft' : path === 'drafts/send' ? 'send' : null
    if (!(await isLost(step))) return null
    return isDraft && chance.oneIn(2) ? 'unanswered' : 'lost'
  }
  gmail.taken = ({ from, ...mail }) => take({ user: from, from, ...mail })
  graph.faults.before = async ({ method, path }) => {
    const isDraft = method === 'POST' && path === '/v1.0/me/messages'
    const step = isDraft ? 'draft' : path.endsWith('/send') ? 'send' : null
    return (await isLost(step)) ? 'cut' : null
  }
  graph.faults.taken = ({ from, recipients, message }) =>
    take({ user: from, from, recipients, raw: message.raw })
  return {
    env: servers.env,
    /** What lies among the sent emails and the drafts of somebody who signed in. */
    sentAt: (address: string): Buffer[] => sentAt.get(address)?.() ?? [],
    draftsAt: (address: string): Buffer[] => draftsAt.get(address)?.() ?? [],
    /** What opens the mailboxes, as far as it has been given out. */
    tokens: (): string[] =>
      [google, microsoft].flatMap(({ given, clientSecret }) => [clientSecret, ...given]),
    close: servers.close,
  }
}
