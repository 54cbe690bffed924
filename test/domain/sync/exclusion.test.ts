import t from 'tap'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import { excludedBy, type Excludable } from '../../../src/domain/sync/exclusion.ts'

const boxes = (...addresses: string[]) => addresses.map((address) => ({ address }))
type Mail = { from: string; to?: string[]; cc?: string[]; isOurs?: boolean }
const message = ({ from, to = ['me@acme.test'], cc = [], isOurs = false }: Mail): Excludable => ({
  ownAddress: 'Me@Acme.test',
  isOurs,
  header: { from: boxes(from), to: boxes(...to), cc: boxes(...cc) },
})
const by = (match: ExcludePattern['match'], ...patterns: string[]) => {
  const all = patterns.map((pattern) => ({ pattern, match }))
  return (mail: Mail) => excludedBy(all, message(mail))?.pattern ?? null
}

t.test('the patterns of the documentation keep out what they say', async (t) => {
  const sender = by('sender', 'noreply@*', 'newsletter@*', '*@marketing.*')
  t.equal(sender({ from: 'NoReply@Shop.Example' }), 'noreply@*')
  t.equal(sender({ from: ' jane@marketing.example ' }), '*@marketing.*')
  t.equal(sender({ from: 'jane@example.com' }), null)
  t.equal(sender({ from: 'no-noreply@shop.example' }), null, 'the whole address counts, not a part')
  t.equal(sender({ from: 'jane@example.com', cc: ['noreply@shop.example'] }), null, 'recipients do not count')
  t.equal(by('sender')({ from: 'noreply@shop.example' }), null)
  t.equal(by('sender', '*')({ from: 'a'.repeat(100_000) }), null, 'what is too long for an address is none')
})

t.test('a pattern for senders is about who writes to us, even under our own name', async (t) => {
  t.equal(by('sender', 'me@*')({ from: 'me@acme.test' }), 'me@*')
  t.equal(by('sender', 'me@*')({ from: 'me@acme.test', to: ['jane@x.test'], isOurs: true }), null)
})

t.test('a pattern for participants is about everybody on a message but the account itself', async (t) => {
  const lawyer = by('participant', '*@lawyer.test')
  t.equal(lawyer({ from: 'ann@lawyer.test' }), '*@lawyer.test')
  t.equal(lawyer({ from: 'jane@x.test', cc: ['Ann@Lawyer.test'] }), '*@lawyer.test')
  t.equal(lawyer({ from: 'me@acme.test', to: ['ann@lawyer.test'], isOurs: true }), '*@lawyer.test')
  t.equal(lawyer({ from: 'jane@x.test' }), null)
  const colleagues = by('participant', '*@acme.test')
  t.equal(colleagues({ from: 'jane@x.test', to: ['me@acme.test'] }), null)
  t.equal(colleagues({ from: 'jane@x.test', to: ['me@acme.test', 'boss@acme.test'] }), '*@acme.test')
})

t.test('of several patterns the first one is named', async (t) => {
  const all = [
    { pattern: '*@x.test', match: 'participant' },
    { pattern: 'jane@*', match: 'sender' },
  ] as const
  t.same(excludedBy(all, message({ from: 'jane@x.test' })), all[0])
  t.same(excludedBy(all.toReversed(), message({ from: 'jane@x.test' })), all[1])
})
