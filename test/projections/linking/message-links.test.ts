import t from 'tap'
import { MessageLinked, MessageMatched, type Link } from '../../../src/domain/linking/events.ts'
import { MessageDeleted, MessageRestored } from '../../../src/domain/sync/presence-events.ts'
import { messageLinks } from '../../../src/projections/linking/message-links.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'

const messageId = messageIdOf(1)
const link = (id: string, confidence: Link['confidence']): Link => ({
  record: { kind: 'contact', id },
  rule: 'address',
  evidence: `${id}@client.test`,
  confidence,
})
const at = '2026-03-01T00:00:00.000Z'
const of = { messageId, accountId, direction: 'in', receivedAt: at, deletedAt: at } as const
const matched = MessageMatched({
  messageId,
  accountId,
  links: [link('mia', 'certain')],
  suggestions: [link('zoe', 'possible')],
  matcher: 1,
  factsAt: '',
})
const deleted = MessageDeleted({ ...of, provider: 'keep' })
const restored = MessageRestored(of)
const byHand = MessageLinked({ messageId, accountId, record: { kind: 'deal', id: 'd1' } })
const inPresence = { envelope: { stream: 'presence-1' } }
const fold = async (...events: Parameters<typeof recordedEvents>[0][number][]) => {
  const { message, link, suggestion, figure } = await foldEvents(messageLinks, recordedEvents(events))
  return {
    links: link.map(({ record_id }) => record_id),
    suggestions: suggestion.map(({ record_id }) => record_id),
    figures: figure.map(({ rule, messages }) => [rule, messages]),
    revisions: message.map(({ revision }) => revision),
  }
}

t.test(
  'the links of a deleted message are out of all lists and figures, and back when it is restored',
  async (t) => {
    const before = await fold(matched)
    t.strictSame(before.figures, [
      ['address', 1],
      ['total', 1],
    ])
    const without = await fold(matched, { ...deleted, ...inPresence })
    t.strictSame(without, {
      links: [],
      suggestions: [],
      figures: [
        ['address', 0],
        ['total', 0],
      ],
      revisions: [0],
    })
    t.strictSame(await fold(matched, { ...deleted, ...inPresence }, { ...restored, ...inPresence }), before)
  },
)

t.test('what is linked while a message is deleted counts once it is restored', async (t) => {
  const events = [{ ...deleted, ...inPresence }, matched, byHand]
  t.match(await fold(...events), { links: [], suggestions: [], figures: [] })
  const shown = await fold(...events, { ...restored, ...inPresence })
  t.match(shown, { links: ['mia', 'd1'], suggestions: ['zoe'] })
  t.strictSame(shown.figures, [
    ['address', 1],
    ['hand', 1],
    ['total', 1],
  ])
})
