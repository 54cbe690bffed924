import fc from 'fast-check'
import t from 'tap'
import { NotFound } from '../../../src/domain/decider.ts'
import type { Link, RecordRef } from '../../../src/domain/linking/events.ts'
import { currentLinks, noLinks, recordKey, type Links } from '../../../src/domain/linking/links.ts'
import { messageLinks, type LinkCommand } from '../../../src/domain/linking/message-links.ts'
import {
  newMessages,
  relinking,
  type RelinkingCommand,
} from '../../../src/domain/linking/matching-progress.ts'
import { sender, type SenderCommand } from '../../../src/domain/linking/sender.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'

const of = {
  messageId: 'msg_01hzy3v9k5d8e2q7w4r6t8y0ab',
  accountId: 'acc_01hzy3v9k5d8e2q7w4r6t8y0ab',
}
const grace: RecordRef = { kind: 'contact', id: 'grace' }
const ada: RecordRef = { kind: 'contact', id: 'ada' }
const linkTo = (record: RecordRef): Link => ({
  record,
  rule: 'address',
  evidence: 'x',
  confidence: 'certain',
})
const matched = (links: RecordRef[], suggestions: RecordRef[] = []): LinkCommand => ({
  do: 'match',
  ...of,
  links: links.map(linkTo),
  suggestions: suggestions.map(linkTo),
  matcher: 1,
  factsAt: '1',
})
const decision = (what: 'link' | 'unlink' | 'undo' | 'accept' | 'reject', record = grace): LinkCommand => ({
  do: what,
  ...of,
  record,
})
const after = (...commands: LinkCommand[]): Links =>
  commands.reduce(
    (state, command) => messageLinks.decide(command, state).reduce(messageLinks.evolve, state),
    noLinks,
  )
const shown = (state: Links) => {
  const { links, suggestions } = currentLinks(state)
  return {
    links: links.map(({ record, rule }) => `${record.id} ${rule}`),
    suggestions: suggestions.map(({ record }) => record.id),
  }
}

t.test('the same result of the rules is recorded once', async (t) => {
  t.equal(messageLinks.decide(matched([grace]), after(matched([grace]))).length, 0)
  t.equal(messageLinks.decide(matched([]), noLinks).length, 0, 'nothing at all is no event')
  t.equal(messageLinks.decide(matched([]), after(matched([grace]))).length, 1)
})

t.test('what was unlinked by hand no rule links again', async (t) => {
  const state = after(matched([grace, ada]), decision('unlink'))
  t.strictSame(shown(state).links, ['ada address'])
  t.strictSame(shown(after(matched([grace]), decision('unlink'), matched([]), matched([grace]))).links, [])
  t.strictSame(messageLinks.decide(decision('unlink'), state), [])
})

t.test('what was linked by hand stays, whatever the rules say', async (t) => {
  t.strictSame(shown(after(decision('link'), matched([ada]))).links, ['grace hand', 'ada address'])
  t.strictSame(messageLinks.decide(decision('link'), after(decision('link'))), [])
})

t.test('the last decision counts', async (t) => {
  t.strictSame(shown(after(decision('link'), decision('unlink'))).links, [])
  t.strictSame(shown(after(matched([grace]), decision('unlink'), decision('link'))).links, ['grace hand'])
})

t.test('a suggestion is accepted or rejected, and is none any more', async (t) => {
  const open = matched([], [grace, ada])
  t.strictSame(shown(after(open)).suggestions, ['grace', 'ada'])
  t.strictSame(shown(after(open, decision('accept'))), { links: ['grace hand'], suggestions: ['ada'] })
  t.strictSame(shown(after(open, decision('reject'))), { links: [], suggestions: ['ada'] })
  t.strictSame(messageLinks.decide(decision('accept'), after(open, decision('accept'))), [])
  t.strictSame(messageLinks.decide(decision('reject'), after(open, decision('reject'))), [])
})

t.test('after an undo the rules decide again', async (t) => {
  t.strictSame(shown(after(matched([grace]), decision('unlink'), decision('undo'))).links, ['grace address'])
  t.strictSame(shown(after(decision('link'), decision('undo'))).links, [])
  t.strictSame(shown(after(matched([], [grace]), decision('reject'), decision('undo'))).suggestions, [
    'grace',
  ])
  t.strictSame(messageLinks.decide(decision('undo'), noLinks), [])
})

t.test('what is not there cannot be decided about', async (t) => {
  t.throws(() => messageLinks.decide(decision('unlink'), noLinks), NotFound)
  t.throws(() => messageLinks.decide(decision('accept'), after(matched([grace]))), NotFound)
  t.throws(() => messageLinks.decide(decision('reject'), noLinks), NotFound)
})

const anyRecord = fc.record({
  kind: fc.constantFrom('contact', 'company', 'deal'),
  id: fc.constantFrom('a', 'b'),
}) as fc.Arbitrary<RecordRef>
const distinctRecords = fc.uniqueArray(anyRecord, { selector: recordKey, maxLength: 4 })
const anyCommand: fc.Arbitrary<LinkCommand> = fc.oneof(
  distinctRecords.chain((records) =>
    fc.nat(records.length).map((cut) => matched(records.slice(0, cut), records.slice(cut))),
  ),
  fc
    .tuple(fc.constantFrom('link', 'unlink', 'undo', 'accept', 'reject'), anyRecord)
    .map(([what, record]) => decision(what as 'link', record)),
)

t.test('the laws of deciders hold', async () => {
  holdDeciderLaws(messageLinks, anyCommand)
  holdDeciderLaws(
    sender,
    fc.record({
      do: fc.constantFrom('assign', 'unassign'),
      address: fc.constantFrom('Mia@x.example', 'mia@x.example'),
      record: anyRecord,
    }) as fc.Arbitrary<SenderCommand>,
  )
  holdDeciderLaws(newMessages, fc.record({ upTo: fc.option(fc.constantFrom('1', '2', '3'), { nil: null }) }))
  holdDeciderLaws(
    relinking,
    fc.record({
      do: fc.constantFrom('progress', 'finish'),
      run: fc.record({
        upTo: fc.constantFrom('1', '2', '3'),
        after: fc.option(fc.constantFrom('1', '2'), { nil: null }),
        examined: fc.nat(9),
        changed: fc.nat(9),
        matcher: fc.constantFrom(1, 2),
        startedAt: fc.constant('2026-01-05T09:00:00.000Z'),
      }),
    }) as fc.Arbitrary<RelinkingCommand>,
  )
})

t.test('links and suggestions never share a record, and none was unlinked', async () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 20 }), (commands) => {
      let state = noLinks
      for (const command of commands)
        try {
          state = messageLinks.decide(command, state).reduce(messageLinks.evolve, state)
        } catch (error) {
          if (!(error instanceof NotFound)) throw error
        }
      const { links, suggestions } = currentLinks(state)
      const records = [...links, ...suggestions].map(({ record }) => recordKey(record))
      const gone = new Set(state.unlinked.map(recordKey))
      return new Set(records).size === records.length && records.every((each) => !gone.has(each))
    }),
  )
})

t.test('progress is recorded forwards alone', async (t) => {
  t.equal(newMessages.decide({ upTo: '2' }, { upTo: '1' }).length, 1)
  t.equal(newMessages.decide({ upTo: '1' }, { upTo: '1' }).length, 0)
  t.equal(newMessages.decide({ upTo: '1' }, { upTo: '2' }).length, 0)
})
