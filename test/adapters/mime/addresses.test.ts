import fc from 'fast-check'
import t from 'tap'
import { mailboxList } from '../../../src/adapters/mime/headers.ts'
import { addressesIn } from '../../../src/adapters/mime/addresses.ts'

const one = (address: string, name?: string) => [name === undefined ? { address } : { address, name }]
const ann = { address: 'ann@x.test' }

t.test('addresses are read in every form that the standard allows', (t) => {
  for (const [written, expected] of [
    ['ann@x.test', [ann]],
    ['"paul berg"@x.test', one('"paul berg"@x.test')],
    ['Paul <"paul berg"@x.test>', one('"paul berg"@x.test', 'Paul')],
    ['"paul@home"@x.test', one('"paul@home"@x.test')],
    ['"ann"@x.test', [ann]],
    ['<@a.test,@b.test:ann@x.test>', [ann]],
    ['Ann (the (nested) boss) Holm <ann@x.test>', one('ann@x.test', 'Ann Holm')],
    ['ann@x.test (Ann (AH) Holm)', one('ann@x.test', 'Ann (AH) Holm')],
    ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', one('pete@silly.test', 'Pete')],
    ['"Giant; \\"Big\\" Box" <box@x.test>', one('box@x.test', 'Giant; "Big" Box')],
    ['ann @ x.test', [ann]],
    [
      'Team: Ann <ann@x.test>, bob@x.test;, c@x.test',
      [{ ...ann, name: 'Ann' }, ...one('bob@x.test'), ...one('c@x.test')],
    ],
    ['undisclosed-recipients:;', []],
    ['undisclosed-recipients:', []],
    [
      'ann@[192.0.2.1], ann@[IPv6:2001:db8::1]',
      [...one('ann@[192.0.2.1]'), ...one('ann@[IPv6:2001:db8::1]')],
    ],
  ] as const)
    t.strictSame(addressesIn(written), expected, written)
  t.end()
})

t.test('and in forms that people and programs write all the same', (t) => {
  for (const [written, expected] of [
    ['Berg, Paul <paul@x.test>', one('paul@x.test', 'Berg, Paul')],
    ['Berg, Paul, Dr. <paul@x.test>, ann@x.test', [...one('paul@x.test', 'Berg, Paul, Dr.'), ann]],
    ['ann@x.test, Berg, Paul <paul@x.test>', [ann, ...one('paul@x.test', 'Berg, Paul')]],
    ['Sales: Ann <ann@x.test>', one('ann@x.test', 'Sales: Ann')],
    ['ann@x.test; bob@x.test', [ann, ...one('bob@x.test')]],
    ['<<ann@x.test>>', [ann]],
    ['<ann@x.test', [ann]],
    ['Ann <mailto:ann@x.test>', one('ann@x.test', 'Ann')],
    ['Ann [mailto:ann@x.test]', one('ann@x.test', 'Ann')],
    ['Cron Daemon <root>', one('root', 'Cron Daemon')],
    ['oolas@cyber@msn.test', one('oolas@cyber@msn.test')],
  ] as const)
    t.strictSame(addressesIn(written), expected, written)
  t.end()
})

t.test('encoded words are read wherever they stand', (t) => {
  for (const written of [
    '=?utf-8?Q?Berg,_J=C3=B6rg?= <j@x.test>',
    '"=?utf-8?Q?Berg,_J=C3=B6rg?=" <j@x.test>',
    '=?utf-8?Q?Berg,_J=C3?= =?UTF-8?Q?=B6rg?=<j@x.test>',
    'j@x.test (=?utf-8?Q?Berg,_J=C3=B6rg?=)',
    '=?utf-8?Q?Berg=2C_J=C3=B6rg_<j=40x.test>?=',
  ])
    t.strictSame(addressesIn(written), one('j@x.test', 'Berg, Jörg'), written)
  t.end()
})

t.test('what is no address keeps its words, and a name never becomes an address', (t) => {
  for (const [written, name] of [
    ['no address at all', 'no address at all'],
    ['Ann <>', 'Ann'],
    ['=?utf-8?Q?ceo=40acme.test?=', 'ceo@acme.test'],
    ['<Undisclosed Recipient:;>', 'Undisclosed Recipient:;'],
  ] as const)
    t.strictSame(addressesIn(written), [{ address: '', name }], written)
  t.strictSame(addressesIn('"ceo@acme.test" <e@evil.test>'), one('e@evil.test', 'ceo@acme.test'))
  t.end()
})

t.test('what we write is read back, and no field takes long', (t) => {
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 40 })
    .map((text) => text.replaceAll(/[\p{Cc}\s\ud800-\udfff]+/gu, ' ').trim())
  const local = fc.stringMatching(/^[a-z0-9.+]{1,20}$/).filter((text) => !/^\.|\.\.|\.$/.test(text))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, local), { maxLength: 5 }), (people) => {
      const list = people.map(([each, part]) => ({
        address: `${part}@x.test`,
        ...(each === '' ? {} : { name: each }),
      }))
      t.strictSame(addressesIn(mailboxList(list).join(' ')), list)
    }),
    { numRuns: 200 },
  )
  for (const sign of [
    '<',
    '(',
    '"',
    '@',
    ',',
    ':',
    '[',
    '=?',
    ' ',
    'a@',
    '\\',
    '<a@x>',
    '=?utf-8?Q?',
    '=?a?Q?x',
  ]) {
    t.ok(addressesIn(sign.repeat(10_000)).length <= 10_001)
    t.ok(addressesIn(`<@${sign.repeat(10_000)}   @   `).length <= 10_001)
  }
  t.end()
})
