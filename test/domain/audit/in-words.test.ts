import t from 'tap'
import { sentenceOf } from '../../../src/domain/audit/sentence.ts'
import { ownStreams, subjectsOf } from '../../../src/domain/audit/subjects.ts'
import { allEvents, type AnyEvent } from '../../../src/domain/catalogue.ts'
import { presentEvents } from '../../support/event-fixtures.ts'

const examples = presentEvents(allEvents) as unknown as AnyEvent[]

t.test('every kind of event is told in one plain sentence', async (t) => {
  t.equal(new Set(examples.map(({ type }) => type)).size, allEvents.length, 'an example of each kind')
  for (const event of examples) {
    const sentence = sentenceOf(event)
    t.match(sentence, /^(?:[A-Z]|“|\(no subject\))/, `${event.type}: ${sentence}`)
    t.notMatch(sentence, /undefined|null|NaN|\[object|\n|  | ,|: $/, `${event.type}: ${sentence}`)
    t.ok(sentence.length <= 1_000, event.type)
  }
})

/** Ids anywhere in the data, but in what an event carries along of other things. */
const idsIn = (value: unknown, key = ''): string[] => {
  // How far a run has come is no more than a bookmark.
  if (key === 'after') return []
  if (typeof value === 'string') return /^(?:acc|out|msg|tpl)_[0-9a-z]{26}$/.test(value) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  if (['draft', 'failures', 'replyTo'].includes(key)) return []
  return Object.entries(value).flatMap(([name, of]) => idsIn(of, name))
}

t.test('an event is about every account, email, message and template that it names', async (t) => {
  for (const event of examples) {
    const ids = new Set(subjectsOf(event).map(({ id }) => id))
    for (const id of idsIn(event.data)) t.ok(ids.has(id), `${event.type} names ${id}`)
  }
})

t.test('a draft is about what is in it, and what is queued from one is not about it twice', async (t) => {
  const saved = examples.filter(({ type }) => type === 'DraftSaved').map(subjectsOf)
  t.ok(saved.every((subjects) => subjects.some(({ kind }) => kind === 'account')))
  t.ok(saved.some((subjects) => subjects.some(({ kind }) => kind === 'contact')))
  for (const event of examples) {
    const keys = subjectsOf(event).map(({ kind, id }) => `${kind}:${id}`)
    t.equal(keys.length, new Set(keys).size, event.type)
  }
})

t.test('an email is told by four streams of its own, and a message by four', async (t) => {
  t.strictSame(ownStreams({ kind: 'email', id: 'out_1' }), [
    'outgoing-out_1',
    'tracking-out_1',
    'links-out_1',
    'presence-out_1',
  ])
  t.strictSame(ownStreams({ kind: 'message', id: 'msg_1' }), [
    'message-msg_1',
    'report-msg_1',
    'links-msg_1',
    'presence-msg_1',
  ])
  t.strictSame(ownStreams({ kind: 'contact', id: 'c-1' }), ['contact-c-1'])
})
