import t from 'tap'
import { idIn, inReplyToIn, referencesIn } from '../../../src/adapters/mime/message-ids.ts'

t.test('an id is only what stands in angle brackets, with a domain', (t) => {
  for (const [written, ids] of [
    ['<a@x.test>', ['a@x.test']],
    ['<a@x.test> <b@x.test>,\t<a@x.test>', ['a@x.test', 'b@x.test']],
    ['a@x.test', []],
    ['yes', []],
    ['<yes>', []],
    ['<@x.test>', []],
    ['<a@>', []],
    ['Anna wrote to ann@x.test on Monday', []],
    ['<a@\r\n x.test>', ['a@x.test']],
    ['(see <other@x.test> (and "this")) <a@x.test>', ['a@x.test']],
    ['=?utf-8?Q?=3Ca=40x=2Etest=3E?=', ['a@x.test']],
    [
      `=?us-ascii?B?${Buffer.from('<a@x.test>').toString('base64')}?=\r\n =?us-ascii?Q?<b@x.test>?=`,
      ['a@x.test', 'b@x.test'],
    ],
  ] as const) {
    t.strictSame(referencesIn(written), ids, written)
    t.strictSame(inReplyToIn(written), ids, written)
  }
  t.end()
})

t.test('a sentence in In-Reply-To names nobody’s mail, only what stands before it does', (t) => {
  for (const [written, ids] of [
    ['Message from Anna Holm <anna@holm.test> of "Mon, 5 Aug"', []],
    ['Your message of "Mon, 5 Aug" <a@x.test>', []],
    ['"Anna" <anna@holm.test>', []],
    ['<a@x.test>; from anna@holm.test on Mon, 5 Aug', ['a@x.test']],
    ['<a@x.test> (Anna’s message of Monday)', ['a@x.test']],
    ['<a@x.test> "Anna" <anna@holm.test>', ['a@x.test']],
  ] as const)
    t.strictSame(inReplyToIn(written), ids, written)
  t.end()
})

t.test('many ids are the first and the last of them', (t) => {
  const many = referencesIn(Array.from({ length: 300 }, (_, n) => `<${n}@x.test>`).join(' '))
  t.equal(many.length, 100)
  t.strictSame([many[0], many[1], many.at(-1)], ['0@x.test', '201@x.test', '299@x.test'])
  t.end()
})

t.test('a mail’s own id is read as well as it can be', (t) => {
  for (const [written, id] of [
    ['<One@X.test>', 'One@X.test'],
    ['one@x.test', 'one@x.test'],
    ['<yes>', 'yes'],
    ['<a@x.test', 'a@x.test'],
    ['', ''],
  ] as const)
    t.equal(idIn(written), id, written)
  t.end()
})
