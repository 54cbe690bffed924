import { schemaOf } from '../src/projections/projection.ts'
import { messageLinks } from '../src/projections/linking/message-links.ts'
import { messages } from '../src/projections/sync/messages.ts'
import { fold } from '../src/domain/search/fold.ts'
import { accountOf, colleague, contactOf, owner } from './million-messages.ts'
import type { MailWords } from './mail-words.ts'

/**
 * A kind of search: what is asked the nth time, and by whom. For the statement by hand: the words as a tsquery, whether
 * it walks from the latest message on, and what else must hold of the message `t`.
 */
export type SearchKind = {
  readonly name: string
  readonly as?: string
  readonly asked: (nth: number) => Record<string, string>
  readonly words: (nth: number) => string
  readonly walks?: boolean
  readonly among?: (nth: number) => string
}

const day = (month: number, of: number): string => `2025-0${month}-${String(of).padStart(2, '0')}T00:00:00Z`
const message = `${schemaOf(messages)}.message m where m.id = t.message_id`
const isUnread = (): string => `exists (select from ${message} and m.unread)`
const isIn = (folder: (nth: number) => string) => (nth: number) =>
  `t.message_id = any(array(select id from ${schemaOf(messages)}.located where folder = '${folder(nth)}'))`
const isLinkedTo = (contact: (nth: number) => string) => (nth: number) =>
  `exists (select from ${schemaOf(messageLinks)}.link l where l.record_kind = 'contact' and l.record_id = '${contact(nth)}' and l.message_id = t.message_id)`
const isAmongLinksOf = (contact: (nth: number) => string) => (nth: number) =>
  `t.message_id = any(array(select message_id from ${schemaOf(messageLinks)}.link where record_kind = 'contact' and record_id = '${contact(nth)}'))`

/** As people search; the words are of several languages, each time others. */
export const searchKinds = ({ word }: MailWords): readonly SearchKind[] => {
  const rare = (nth: number): string => word(nth % 4, 15_000 + nth * 97)
  const middling = (nth: number): string => word(nth % 4, 200 + nth * 7)
  const common = (nth: number): string => word(nth % 4, nth % 20)
  const longWord = (nth: number): string => {
    const words = Array.from({ length: 50 }, (_, further) => word(0, 200 + nth * 7 + further))
    return words.find(({ length }) => length > 6) ?? ''
  }
  const begun = (nth: number): string => longWord(nth).slice(0, 5)
  const character = (nth: number): string => word(4, 100 + nth).slice(0, 2)
  const project = (nth: number): string => `Projects/${nth}`
  const sender = (nth: number): string => `person.${nth ** 2}@company${nth ** 2 % 2000}.example`
  const much = (nth: number): string => contactOf(nth % 5)
  const little = (nth: number): string => contactOf(5000 + nth)
  const lexeme = (of: (nth: number) => string) => (nth: number) => `'${fold(of(nth)).replaceAll("'", "''")}'`
  const both = (one: (nth: number) => string, other: (nth: number) => string) => (nth: number) =>
    `${lexeme(one)(nth)} & ${lexeme(other)(nth)}`
  const inMonth = (nth: number) => ({ after: day(1 + (nth % 9), 1), before: day(1 + (nth % 9), 28) })
  const another = (nth: number): string => word(0, (nth + 7) % 20)

  return [
    { name: 'rare word', asked: (nth) => ({ q: rare(nth) }), words: lexeme(rare) },
    {
      name: 'word of one mail in a thousand',
      asked: (nth) => ({ q: middling(nth) }),
      words: lexeme(middling),
    },
    { name: 'common word', asked: (nth) => ({ q: common(nth) }), words: lexeme(common), walks: true },
    { name: 'Chinese characters', asked: (nth) => ({ q: character(nth) }), words: lexeme(character) },
    {
      name: 'number of an order',
      asked: (nth) => ({ q: `order-${nth * 19_997}` }),
      words: lexeme((nth) => `order-${nth * 19_997}`),
    },
    { name: 'no such word', asked: (nth) => ({ q: `absent${nth}` }), words: (nth) => `'absent${nth}'` },
    {
      name: 'two common words',
      asked: (nth) => ({ q: `${common(nth * 4)} ${another(nth)}` }),
      words: both((nth) => common(nth * 4), another),
      walks: true,
    },
    {
      name: 'common and rarer word',
      asked: (nth) => ({ q: `${word(nth % 4, 3)} ${middling(nth)}` }),
      words: both((nth) => word(nth % 4, 3), middling),
    },
    {
      name: 'words of two languages',
      asked: (nth) => ({ q: `${word(0, 30 + nth)} ${word(1, 30 + nth)}` }),
      words: both(
        (nth) => word(0, 30 + nth),
        (nth) => word(1, 30 + nth),
      ),
    },
    {
      name: 'phrase',
      asked: (nth) => ({ q: `"${word(0, nth % 20)} ${another(nth)}"` }),
      words: (nth) => `${lexeme(() => word(0, nth % 20))(nth)} <-> ${lexeme(another)(nth)}`,
      walks: true,
    },
    {
      name: 'beginning of a word',
      asked: (nth) => ({ q: `${begun(nth)}*` }),
      words: (nth) => `${lexeme(begun)(nth)}:*`,
    },
    { name: 'sender', asked: (nth) => ({ from: sender(nth) }), words: (nth) => `'from:${sender(nth)}'` },
    {
      name: 'domain of the sender, common word',
      asked: (nth) => ({ from: `company${nth}.example`, q: common(nth) }),
      words: (nth) => `'from:company${nth}.example' & ${lexeme(common)(nth)}`,
    },
    {
      name: 'name of the recipient',
      asked: (nth) => ({ to: 'Jörg', q: middling(nth) }),
      words: (nth) => `'to:jorg' & ${lexeme(middling)(nth)}`,
    },
    {
      name: 'subject',
      asked: (nth) => ({ subject: middling(nth) }),
      words: (nth) => `'subject:${fold(middling(nth))}'`,
    },
    {
      name: 'common word in a month',
      asked: (nth) => ({ q: common(nth), ...inMonth(nth) }),
      words: lexeme(common),
      walks: true,
      among: (nth) => `t.received_at between '${inMonth(nth).after}' and '${inMonth(nth).before}'`,
    },
    {
      name: 'with attachment',
      asked: (nth) => ({ q: middling(nth), hasAttachment: 'true' }),
      words: (nth) => `${lexeme(middling)(nth)} & 'has:attachment'`,
    },
    {
      name: 'in the inbox',
      asked: (nth) => ({ q: common(nth), folder: 'inbox' }),
      words: lexeme(common),
      walks: true,
      among: () => `exists (select from ${message} and m.places @> '[{"role": "inbox"}]')`,
    },
    {
      name: 'common word in a small folder',
      asked: (nth) => ({ q: common(nth), folder: project(nth) }),
      words: lexeme(common),
      among: isIn(project),
    },
    {
      name: 'rarer word in a small folder',
      asked: (nth) => ({ q: middling(nth), folder: project(nth) }),
      words: lexeme(middling),
      among: isIn(project),
    },
    {
      name: 'common word, unread',
      asked: (nth) => ({ q: common(nth), unread: 'true' }),
      words: lexeme(common),
      walks: true,
      among: isUnread,
    },
    {
      name: 'rarer word, unread',
      asked: (nth) => ({ q: middling(nth), unread: 'true' }),
      words: lexeme(middling),
      among: isUnread,
    },
    {
      name: 'contact with much mail, common word',
      asked: (nth) => ({ contact: much(nth), q: common(nth) }),
      words: lexeme(common),
      walks: true,
      among: isLinkedTo(much),
    },
    {
      name: 'contact with much mail, rare word',
      asked: (nth) => ({ contact: much(nth), q: rare(nth) }),
      words: lexeme(rare),
      among: isLinkedTo(much),
    },
    {
      name: 'contact with little mail, common word',
      asked: (nth) => ({ contact: little(nth), q: common(nth) }),
      words: lexeme(common),
      among: isAmongLinksOf(little),
    },
    {
      name: 'one account',
      asked: (nth) => ({ q: common(nth), account: accountOf(nth % 20) }),
      words: (nth) => `${lexeme(common)(nth)} & 'account:${accountOf(nth % 20)}'`,
      walks: true,
    },
    {
      name: 'owner: word of one mail in a thousand',
      as: owner,
      asked: (nth) => ({ q: middling(nth) }),
      words: lexeme(middling),
    },
    {
      name: 'owner: common word',
      as: owner,
      asked: (nth) => ({ q: common(nth) }),
      words: lexeme(common),
      walks: true,
    },
    {
      name: 'colleague who sees subjects: common word',
      as: colleague,
      asked: (nth) => ({ q: common(nth) }),
      words: (nth) => `'subject:${fold(common(nth))}'`,
      walks: true,
    },
    {
      name: 'colleague who sees subjects: common word, unread',
      as: colleague,
      asked: (nth) => ({ q: common(nth), unread: 'true' }),
      words: (nth) => `'subject:${fold(common(nth))}'`,
      among: isUnread,
    },
  ]
}
