import { detect } from 'tinyld/light'
import type { SearchText } from '../../../commands/ports/parser.ts'
import type { WrittenMailbox } from '../../../domain/mail.ts'
import { cut, oneLine } from '../text.ts'
import { textOfHtml } from '../text-of-html.ts'
import { knownLanguage } from './languages.ts'
import { wordList, type WordList } from './word-list.ts'

/** As much of a body as is found by its words, in UTF-16 units. */
const MOST_BODY = 100_000
/** As much of it as is kept to show where a word was found. */
const MOST_SHOWN = 4_000
/** As much as tells a language. */
const TELLING = 600

type People = readonly WrittenMailbox[]
type MailToSearch = {
  readonly header: {
    readonly subject: string
    readonly from: People
    readonly to: People
    readonly cc: People
    readonly replyTo: People
  }
  readonly bcc: People
  readonly text: string | null
  readonly html: string | null
  readonly attachments: readonly { readonly name: string | null; readonly inline: boolean }[]
  /** What the header says, if anything. */
  readonly contentLanguage: string
}

/** What a mail is found by: its people, its subject, the names of its attachments and its text. */
export const wordsOfMail = ({
  header,
  bcc,
  text,
  html,
  attachments,
  contentLanguage,
}: MailToSearch): SearchText => {
  const whole = text !== null && text.trim() !== '' ? text : textOfHtml(html ?? '')
  const body = cut(whole, MOST_BODY)
  const telling = `${header.subject}\n${body}`.slice(0, TELLING)
  const language = knownLanguage(detect(telling)) ?? knownLanguage(contentLanguage)
  const files = attachments.filter(({ inline }) => !inline)
  const words = wordList()
  addPeople(words, header.from, 'from')
  addPeople(words, [...header.to, ...header.cc, ...bcc], 'to')
  addPeople(words, header.replyTo, null)
  words.add(header.subject, { field: 'subject:', language })
  for (const { name } of files) words.add(name ?? '', {})
  if (files.length > 0) words.mark('has:attachment')
  words.add(body, { language })
  return { words: words.toString(), language, beginning: oneLine(body.slice(0, 2 * MOST_SHOWN), MOST_SHOWN) }
}

const addPeople = (words: WordList, people: People, as: 'from' | 'to' | null): void => {
  for (const { address, name = '' } of people) {
    const added = [...words.add(name, { field: 'people:' }), ...words.add(address, { field: 'people:' })]
    if (as !== null) for (const word of added) words.mark(`${as}:${word}`)
  }
}
