import fc from 'fast-check'
import t from 'tap'
import type { Link } from '../../../src/domain/linking/events.ts'
import {
  companyFacts,
  contactFacts,
  factsFrom,
  type FactList,
  type KnownCompany,
  type KnownContact,
} from '../../../src/domain/linking/facts.ts'
import { keysOf, peopleOf, referencesOf, type Subject } from '../../../src/domain/linking/keys.ts'
import { recordKey } from '../../../src/domain/linking/links.ts'
import { match, type Matched, type Rules } from '../../../src/domain/linking/match.ts'
import type { WrittenMailbox } from '../../../src/domain/mail.ts'

const messageId = 'msg_01hzy3v9k5d8e2q7w4r6t8y0ab'
const accountId = 'acc_01hzy3v9k5d8e2q7w4r6t8y0ab'
const all: Rules = { autoLink: true, byAddress: true, byName: true, byDomain: true, confirmAll: false }

const contact = (id: string, name: string, emails: string[] = [], companyId?: string): KnownContact => {
  const [firstName, ...rest] = name.split(' ')
  return contactFacts(id, { firstName, lastName: rest.join(' ') || undefined, emails, companyId })
}
const company = (id: string, ...domains: string[]): KnownCompany => companyFacts(id, { domains })

const known: FactList = {
  contacts: [
    contact('grace', 'Grace Hopper', ['grace@navy.example'], 'navy'),
    contact('ada', 'Ada Lovelace', ['Ada@Engine.example', 'ada@gmail.com'], 'engine'),
    contact('alan', 'Alan Turing', [], 'park'),
    contact('twin1', 'John Smith', ['office@shared.example'], 'north'),
    contact('twin2', 'John Smith', ['office@shared.example'], 'south'),
    contact('alone', 'Mary Jones', ['mary@alone.example']),
    contact('tagged', 'Tim Tag', ['tim+crm@tags.example']),
    contact('plain', 'Tim Plain', ['tim@tags.example']),
    contact('single', 'Prince', []),
    contact('jose', 'José Núñez', []),
    contact('freeworker', 'Frieda Frei', [], 'freeco'),
    contact('colleague', 'Carl Colleague', [], 'ourco'),
    contact('moved', 'Moira Moved', ['moira@north.example'], 'south'),
  ],
  companies: [
    company('navy', 'navy.example'),
    company('engine', 'engine.example'),
    company('park', 'park.example', 'bletchley.example'),
    company('north', 'north.example'),
    company('south', 'south.example'),
    company('joint1', 'joint.example'),
    company('joint2', 'joint.example'),
    company('group', 'group.example'),
    company('branch', 'branch.group.example'),
    company('freeco', 'gmail.com'),
    company('ourco', 'own.example'),
  ],
  senders: [
    { address: 'office@assigned.example', records: [{ kind: 'contact', id: 'grace' }] },
    { address: 'ada@engine.example.test', records: [{ kind: 'deal', id: 'd9' }] },
    {
      address: 'x@navy.example',
      records: [
        { kind: 'company', id: 'south' },
        { kind: 'deal', id: 'd8' },
      ],
    },
  ],
  ownAddresses: ['us@own.example', 'support@navy.example'],
  ownDomains: ['own.example'],
  deals: [
    { header: 'offer@own.example', messageId: 'out_1', dealId: 'd1' },
    { header: 'second@own.example', messageId: 'out_2', dealId: 'd2' },
    { header: 'self@navy.example', messageId, dealId: 'd3' },
  ],
}
const isFreeMail = (domain: string): boolean => domain === 'gmail.com' || domain === 'web.example'

type Mail = {
  from?: WrittenMailbox[]
  to?: WrittenMailbox[]
  references?: string[]
  machine?: boolean
  about?: Partial<Subject['about']>
  rules?: Partial<Rules>
}
const us: WrittenMailbox = { address: 'us@own.example', name: 'Ursula Us' }
const from = (address: string, name?: string): WrittenMailbox[] => [
  { address, ...(name === undefined ? {} : { name }) },
]
const subjectOf = ({
  from: author = [],
  to = [us],
  references = [],
  machine = false,
  about,
}: Mail): Subject => ({
  messageId,
  accountId,
  people: peopleOf([...author, ...to]),
  references: referencesOf([], references),
  machine,
  about: { contactId: null, dealId: null, ...about },
})
const matched = (mail: Mail, facts: FactList = known): Matched =>
  match(subjectOf(mail), factsFrom(facts, isFreeMail), { ...all, ...mail.rules })

/** `contact:grace address!` is certain, `?` possible, and nothing behind the rule probable. */
const shown = ({ record, rule, confidence }: Link): string =>
  `${recordKey(record)} ${rule}${confidence === 'certain' ? '!' : confidence === 'possible' ? '?' : ''}`

const grace = ['contact:grace address!', 'company:navy address!']
const many = Array.from({ length: 1_000 }, (_, nth) => ({ address: `p${nth}@crowd.example` }))

const cases: [what: string, mail: Mail, links: string[], suggestions?: string[]][] = [
  ['a contact has the address, and its company goes with it', { from: from('grace@navy.example') }, grace],
  ['a contact in To', { from: [us], to: from('grace@navy.example') }, grace],
  ['capital letters in the mail', { from: from('GRACE@Navy.Example') }, grace],
  [
    'capital letters in the record',
    { from: from('ada@engine.example') },
    ['contact:ada address!', 'company:engine address!'],
  ],
  ['spaces around the address', { from: from(' grace@navy.example ') }, grace],
  [
    'a second address of a contact, at a free provider',
    { from: from('ada@gmail.com') },
    ['contact:ada address!', 'company:engine address!'],
  ],
  ['a contact without a company', { from: from('mary@alone.example') }, ['contact:alone address!']],
  [
    'a tag behind a plus sign',
    { from: from('grace+news@navy.example') },
    ['company:navy address', 'contact:grace address'],
  ],
  ['a tag that a contact has itself', { from: from('tim+crm@tags.example') }, ['contact:tagged address!']],
  ['another tag leads to the plain address', { from: from('tim+x@tags.example') }, ['contact:plain address']],
  ['the plain address is not the tagged one', { from: from('tim@tags.example') }, ['contact:plain address!']],
  [
    'several contacts with one address',
    { from: from('office@shared.example') },
    [],
    ['contact:twin1 address?', 'contact:twin2 address?'],
  ],
  [
    'and a tag of it',
    { from: from('office+a@shared.example') },
    [],
    ['contact:twin1 address?', 'contact:twin2 address?'],
  ],
  ['a stranger', { from: from('who@nowhere.example') }, []],
  [
    'a name and the domain of its company',
    { from: from('alan@park.example', 'Alan Turing') },
    ['contact:alan name', 'company:park domain'],
  ],
  [
    'a name and a second domain of its company',
    { from: from('at@bletchley.example', 'Alan Turing') },
    ['contact:alan name', 'company:park domain'],
  ],
  [
    'a name and a domain below that of its company',
    { from: from('at@lab.park.example', 'Alan Turing') },
    ['contact:alan name', 'company:park domain'],
  ],
  [
    'a name without its domain',
    { from: from('alan@else.example', 'Alan Turing') },
    [],
    ['contact:alan name?'],
  ],
  [
    'a name with the last name first',
    { from: from('alan@else.example', 'Turing, Alan') },
    [],
    ['contact:alan name?'],
  ],
  [
    'a name in other letters and spaces',
    { from: from('alan@else.example', '  ALAN   turing ') },
    [],
    ['contact:alan name?'],
  ],
  [
    'a name in quotation marks',
    { from: from('alan@else.example', '"Alan Turing"') },
    [],
    ['contact:alan name?'],
  ],
  ['a name without its accents', { from: from('jn@else.example', 'Jose Nunez') }, [], ['contact:jose name?']],
  [
    'a name with accents of another form',
    { from: from('jn@else.example', 'José Núñez') },
    [],
    ['contact:jose name?'],
  ],
  [
    'several of a name, one of the domain',
    { from: from('js@north.example', 'John Smith') },
    ['contact:twin1 name', 'company:north domain'],
    ['contact:twin2 name?'],
  ],
  [
    'several of a name, none of the domain',
    { from: from('js@else.example', 'John Smith') },
    [],
    ['contact:twin1 name?', 'contact:twin2 name?'],
  ],
  ['a single word is nobody', { from: from('p@else.example', 'Prince') }, []],
  ['no name', { from: from('p@else.example', '') }, []],
  ['a name of spaces', { from: from('p@else.example', '   ') }, []],
  ['a name that is an address', { from: from('p@else.example', 'grace@navy.example') }, []],
  [
    'a name that is a name and an address',
    { from: from('p@else.example', 'Alan Turing alan@park.example') },
    [],
  ],
  [
    'a name in letters that only look alike',
    { from: from('p@park.example', 'Аlаn Turing') },
    ['company:park domain'],
  ],
  [
    'a name that shows in another order than it reads',
    { from: from('p@park.example', '\u202Enalan Turing\u202C') },
    ['company:park domain'],
  ],
  [
    'a name with invisible characters',
    { from: from('p@else.example', 'Al\u200Ban Tur\u00ADing') },
    [],
    ['contact:alan name?'],
  ],
  ['an endless name', { from: from('p@else.example', 'Alan Turing'.repeat(1_000)) }, []],
  ['a name beside the address of somebody else', { from: from('grace@navy.example', 'Alan Turing') }, grace],
  [
    'a name at a free provider agrees with no domain',
    { from: from('ff@gmail.com', 'Frieda Frei') },
    [],
    ['contact:freeworker name?'],
  ],
  [
    'a name at our own domain agrees with no domain',
    { from: from('cc@own.example', 'Carl Colleague') },
    [],
    ['contact:colleague name?'],
  ],
  ['the domain of a company', { from: from('anybody@engine.example') }, ['company:engine domain']],
  ['a domain below it', { from: from('anybody@eu.engine.example') }, ['company:engine domain']],
  ['a domain that only ends like it', { from: from('anybody@notengine.example') }, []],
  [
    'the domain of two companies',
    { from: from('who@joint.example') },
    [],
    ['company:joint1 domain?', 'company:joint2 domain?'],
  ],
  [
    'of two domains the one further below',
    { from: from('who@x.branch.group.example') },
    ['company:branch domain'],
  ],
  ['the domain above, of the group', { from: from('who@group.example') }, ['company:group domain']],
  ['a free provider, even if a company claims it', { from: from('who@gmail.com') }, []],
  ['a domain below a free provider', { from: from('who@mail.gmail.com') }, []],
  ['our own domain, even if a company claims it', { from: from('who@own.example') }, []],
  ['a domain below our own', { from: from('who@eu.own.example') }, []],
  ['our own address', { from: from('us@own.example', 'Alan Turing') }, []],
  ['our own address in the domain of a company', { from: from('support@navy.example') }, []],
  [
    'a contact whose company is another than the domain says',
    { from: from('moira@north.example') },
    ['company:south address!', 'contact:moved address!'],
  ],
  [
    'a contact without a company in the domain of one',
    { from: from('mary@alone.example') },
    ['contact:alone address!', 'company:sole domain'],
  ],
  ['two people of one company', { from: from('grace@navy.example'), to: from('other@navy.example') }, grace],
  [
    'two contacts',
    { from: from('grace@navy.example'), to: from('mary@alone.example') },
    ['company:navy address!', 'contact:alone address!', 'contact:grace address!'],
  ],
  [
    'a sender that was assigned',
    { from: from('office@assigned.example', 'Alan Turing') },
    ['company:navy sender!', 'contact:grace sender!'],
  ],
  [
    'a company assigned goes before that of the domain',
    { from: from('x@navy.example') },
    ['company:south sender!', 'deal:d8 sender!'],
  ],
  [
    'an assigned address in To',
    { from: [us], to: from('office@assigned.example') },
    ['company:navy sender!', 'contact:grace sender!'],
  ],
  ['a deal assigned goes beside the rest', { from: from('ada@engine.example.test') }, ['deal:d9 sender!']],
  [
    'an email about a deal',
    { from: [us], to: from('who@nowhere.example'), about: { dealId: 'd5' } },
    ['deal:d5 sent-about!'],
  ],
  [
    'an email about a contact',
    { from: [us], to: from('who@nowhere.example'), about: { contactId: 'alan' } },
    ['contact:alan sent-about!'],
  ],
  [
    'a reply has the deal',
    { from: from('who@nowhere.example'), references: ['offer@own.example'] },
    ['deal:d1 thread'],
  ],
  [
    'a reply to several',
    { from: from('who@nowhere.example'), references: ['offer@own.example', 'second@own.example'] },
    ['deal:d1 thread', 'deal:d2 thread'],
  ],
  [
    'a reference to nothing known',
    { from: from('who@nowhere.example'), references: ['other@own.example'] },
    [],
  ],
  [
    'a message is no reply to itself',
    { from: from('who@nowhere.example'), references: ['self@navy.example'] },
    [],
  ],
  [
    'a Message-ID that anybody may have',
    { from: from('who@nowhere.example'), references: ['yes', '', '@'] },
    [],
  ],
  ['mail by a program is linked by address', { from: from('grace@navy.example'), machine: true }, grace],
  [
    'mail by a program is linked by domain',
    { from: from('robot@engine.example'), machine: true },
    ['company:engine domain'],
  ],
  [
    'mail by a program suggests nobody by name',
    { from: from('a@else.example', 'Alan Turing'), machine: true },
    [],
  ],
  [
    'with confirmation all is suggested',
    { from: from('grace@navy.example'), rules: { confirmAll: true } },
    [],
    grace,
  ],
  [
    'with confirmation a domain is suggested',
    { from: from('who@engine.example'), rules: { confirmAll: true } },
    [],
    ['company:engine domain'],
  ],
  [
    'with confirmation a thread is suggested',
    { from: from('who@nowhere.example'), references: ['offer@own.example'], rules: { confirmAll: true } },
    [],
    ['deal:d1 thread'],
  ],
  [
    'an assigned sender was confirmed already',
    { from: from('office@assigned.example'), rules: { confirmAll: true } },
    ['company:navy sender!', 'contact:grace sender!'],
  ],
  [
    'so was what an email is about',
    { from: [us], to: from('grace@navy.example'), about: { dealId: 'd5' }, rules: { confirmAll: true } },
    ['deal:d5 sent-about!'],
    grace,
  ],
  [
    'not by address',
    { from: from('grace@navy.example'), rules: { byAddress: false } },
    ['company:navy domain'],
  ],
  [
    'not by address, but by name and domain',
    { from: from('grace@navy.example', 'Grace Hopper'), rules: { byAddress: false } },
    ['contact:grace name', 'company:navy domain'],
  ],
  [
    'not by name',
    { from: from('alan@park.example', 'Alan Turing'), rules: { byName: false } },
    ['company:park domain'],
  ],
  ['not by domain', { from: from('who@engine.example'), rules: { byDomain: false } }, []],
  [
    'not by domain: the name still agrees with it',
    { from: from('alan@park.example', 'Alan Turing'), rules: { byDomain: false } },
    ['contact:alan name'],
  ],
  [
    'not at all',
    {
      from: from('grace@navy.example'),
      about: { dealId: 'd5' },
      references: ['offer@own.example'],
      rules: { autoLink: false },
    },
    [],
  ],
  ['nobody on it', { from: [], to: [] }, []],
  ['an address of nothing', { from: from('') }, []],
  ['an address without a domain', { from: from('undisclosed-recipients:;') }, []],
  ['an address of an @ alone', { from: from('@') }, []],
  ['an address that ends in a dot', { from: from('who@engine.example.') }, []],
  ['two @ in an address', { from: from('"a@b"@engine.example') }, ['company:engine domain']],
  ['an address with a line break', { from: from('grace@navy.example\r\nBcc: x@y.example') }, []],
  ['a thousand recipients', { from: from('grace@navy.example'), to: many }, grace],
  ['a recipient behind two hundred others', { from: [us], to: [...many, ...from('grace@navy.example')] }, []],
  [
    'the name stands at the second mention',
    { from: from('alan@else.example'), to: from('alan@else.example', 'Alan Turing') },
    [],
    ['contact:alan name?'],
  ],
]

const facts: FactList = { ...known, companies: [...known.companies, company('sole', 'alone.example')] }

for (const [what, mail, links, suggestions = []] of cases)
  t.test(what, async (t) => {
    const alone = what.includes('in the domain of one')
    const found = matched(mail, alone ? facts : known)
    t.strictSame(found.links.map(shown).toSorted(), links.toSorted())
    t.strictSame(found.suggestions.map(shown).toSorted(), suggestions.toSorted())
    t.ok(
      [...found.links, ...found.suggestions].every(({ evidence }) => evidence !== ''),
      'each says why',
    )
  })

t.test('there are at least 60 cases', async (t) => {
  t.ok(cases.length >= 60, String(cases.length))
  t.equal(new Set(cases.map(([what]) => what)).size, cases.length)
})

const anyName = fc.constantFrom('Grace Hopper', 'Alan Turing', 'John Smith', 'Prince', '', 'a@b.example')
const anyDomain = fc.constantFrom(
  'navy.example',
  'eu.park.example',
  'joint.example',
  'gmail.com',
  'own.example',
  'x',
)
const anyAddress = fc
  .tuple(fc.constantFrom('grace', 'office', 'ada+x', 'us', ''), anyDomain)
  .map(([local, domain]) => `${local}@${domain}`)
const anyPerson = fc.record({
  address: fc.oneof(anyAddress, fc.string()),
  name: fc.oneof(anyName, fc.string()),
})
const anyMail: fc.Arbitrary<Mail> = fc.record({
  from: fc.array(anyPerson, { maxLength: 3 }),
  to: fc.array(anyPerson, { maxLength: 5 }),
  references: fc.array(fc.constantFrom('offer@own.example', 'second@own.example', 'yes'), { maxLength: 3 }),
  machine: fc.boolean(),
  rules: fc.record({
    autoLink: fc.boolean(),
    byAddress: fc.boolean(),
    byName: fc.boolean(),
    byDomain: fc.boolean(),
    confirmAll: fc.boolean(),
  }),
})
const shuffled = <Item>(items: readonly Item[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })

t.test('the order of facts does not matter, and the same gives the same', async (t) => {
  const anyOrder = fc.record({
    contacts: shuffled(known.contacts),
    companies: shuffled(known.companies),
    senders: shuffled(known.senders),
    ownAddresses: shuffled(known.ownAddresses),
    ownDomains: shuffled(known.ownDomains),
    deals: shuffled(known.deals),
  })
  fc.assert(
    fc.property(anyMail, anyOrder, (mail, order) => {
      t.strictSame(matched(mail, order), matched(mail))
    }),
    { numRuns: 300 },
  )
})

t.test('no record is linked twice, or linked and suggested', async () => {
  fc.assert(
    fc.property(anyMail, (mail) => {
      const { links, suggestions } = matched(mail)
      const records = [...links, ...suggestions].map(({ record }) => recordKey(record))
      return new Set(records).size === records.length
    }),
  )
})

t.test('facts under no key of a message change nothing of its links', async (t) => {
  fc.assert(
    fc.property(anyMail, (mail) => {
      const keys = new Set(keysOf(subjectOf(mail)))
      const near = (contactOf: KnownContact) =>
        contactOf.emails.some((each) => keys.has(`address:${each}`)) || keys.has(`name:${contactOf.name}`)
      const contacts = known.contacts.filter(
        (each) => near(each) || known.senders.some(({ records }) => records.some(({ id }) => id === each.id)),
      )
      t.strictSame(matched(mail, { ...known, contacts }), matched(mail))
    }),
    { numRuns: 300 },
  )
})
