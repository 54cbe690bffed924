import t from 'tap'
import { ContactRecorded } from '../../../src/domain/directory/events.ts'
import { MessageMatched } from '../../../src/domain/linking/events.ts'
import { matching } from '../../../src/projections/linking/matching.ts'
import { accountId, connected, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'

const positionOf = (nth: number): string => `t:${String(nth).padStart(20, '0')}`
const contact = (n: number) =>
  ContactRecorded({ contactId: `c-${n}`, contact: { emails: [`sender${n}@x.test`] } })
/** Of the first message, as the facts were behind the nth event. */
const matchedAt = (nth: number) =>
  MessageMatched({
    messageId: messageIdOf(1),
    accountId,
    links: [],
    suggestions: [],
    matcher: 1,
    factsAt: positionOf(nth),
  })

const againAfter = async (factsAt: number) => {
  const events = [connected(), synced(1), contact(1), contact(2), matchedAt(factsAt)]
  const { changed_key } = await foldEvents(matching, recordedEvents(events))
  return changed_key.filter(({ key }) => key.startsWith('message:'))
}

t.test('a message is matched again if its facts changed before the result was recorded', async (t) => {
  t.strictSame(await againAfter(2), [{ key: `message:${messageIdOf(1)}`, position: positionOf(5) }])
})

t.test('it is not for other facts, nor for those that the result was made of', async (t) => {
  t.strictSame(await againAfter(3), [])
  t.strictSame(await againAfter(4), [])
})
