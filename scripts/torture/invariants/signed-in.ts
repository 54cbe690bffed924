import { ofType, type Evidence, type Invariant, type Logged } from '../evidence.ts'
import { endOf, streamsOf } from './sending.ts'

const idIn = (raw: Buffer): string => /^X-Mailtrail-Id: (\S+)/im.exec(raw.toString('latin1'))?.[1] ?? ''

/** The kills and pauses that came between a release of an email and what was recorded next of it, by their number. */
const strikesOn = (stream: readonly Logged[], { fire }: Evidence): number[] =>
  ofType(stream, 'EmailReleased').flatMap(({ revision, recordedAt }) => {
    const next = stream.find((event) => event.revision === revision + 1)
    const [from, to] = [Date.parse(recordedAt), next ? Date.parse(next.recordedAt) : Infinity]
    return fire.tally.blows.flatMap((blow, nth) => (blow.from >= from && blow.to <= to ? [nth] : []))
  })

/** A draft at the provider tells what became of an email, so that nobody has to decide about it. */
export const allIsSettledAfterSigningIn: Invariant = {
  name: 'at Gmail and Outlook no outcome stays unknown, whatever a kill strikes, and no draft is left of what was sent',
  atRest: true,
  check: (evidence) => {
    const { world, asked, events } = evidence
    const streams = [...streamsOf(events)]
    const blows = new Set<number>()
    const looked: string[] = []
    const broken: string[] = []
    for (const { address, provider } of world.people) {
      const accountId = asked.accounts.get(address)
      const theirs = streams.filter(([, stream]) =>
        ofType(stream, 'EmailQueued').some(({ data }) => data.accountId === accountId),
      )
      const strikes = theirs
        .map(([, stream]) => strikesOn(stream, evidence))
        .filter(({ length }) => length > 0)
      for (const nth of strikes.flat()) blows.add(nth)
      const ends = (type: string) => theirs.filter(([, stream]) => endOf(stream)?.type === type)
      const [sent, unknown] = ['EmailSent', 'EmailOutcomeLost'].map(ends) as [typeof theirs, typeof theirs]
      looked.push(
        `${provider}: ${theirs.length} emails, ${sent.length} sent, ${strikes.length} struck while being sent, ${unknown.length} unknown`,
      )
      if (provider === 'imap-smtp') continue
      broken.push(...unknown.map(([id]) => `${id} of ${address} stays unknown`))
      const drafts = new Set(world.draftsAt(address).map(idIn))
      broken.push(
        ...sent.filter(([id]) => drafts.has(id)).map(([id]) => `${id} was sent, and a draft of it is left`),
      )
    }
    return { looked: `${blows.size} kills and pauses struck emails being sent; ${looked.join('; ')}`, broken }
  },
}
