import { wordsOfMail } from '../src/adapters/mime/words/words-of-mail.ts'
import { random } from './random.ts'

/** The most frequent words of a language, by which it is recognised, and syllables of which the rest is made. */
type Language = { readonly frequent: string; readonly syllables: string; readonly between: string }

const languages: readonly Language[] = [
  {
    frequent:
      'the to and you for of is in that we this it with on have be are your as please from at will not can our me if or',
    syllables:
      'ment ly ness able ship order pay in voice pro ject con tract tion ing de liver y re port mo th week cu stom er ser vice',
    between: ' ',
  },
  {
    frequent:
      'und die der ich sie das mit für ist zu in wir nicht den auf es bitte von ein im wie haben auch uns an noch bei oder nach',
    syllables:
      'ge ver be schlu fra gen tag wer kauf lich keit ung en stra ße mün zä rech haus ab teil zeit vor ein pro dukt lauf ö',
    between: ' ',
  },
  {
    frequent:
      'de la le et les des vous pour que en une est nous dans je un votre du sur avec pas merci au ce qui par plus ne sont',
    syllables:
      'ré con tion ment é ver fac tu re com man de pro jet eau rai son ser vi ce au jour dé lai tri mes bon ça ê tre',
    between: ' ',
  },
  {
    frequent:
      'и в не на что я с мы по для это вас как за вы но у из от же так при если или ваш мне уже будет до был',
    syllables:
      'пре до го вор ра бо та сче т по став ка вре мя ни е сть при ла га ем за каз ком па ни я вы со об щи',
    between: ' ',
  },
  {
    frequent: '的 您 我们 请 是 在 和 了 有 不 这 附件 与 会议 公司 合同 谢谢 时间 明天 报价',
    syllables:
      '发 票 货 款 订 单 客 户 产 品 上 海 北 京 数 量 价 格 付 日 期 确 认 项 目 经 理 部 门 电 话 新 信 息',
    between: '',
  },
]

/** Words of a language at most; those of a real one are as unevenly spread. */
const VOCABULARY = 30_000

type Vocabulary = Pick<Language, 'between'> & { readonly words: readonly string[] }

const vocabularyOf = ({ frequent, syllables, between }: Language, next: () => number): Vocabulary => {
  const parts = syllables.split(' ')
  const words = new Set(frequent.split(' '))
  while (words.size < VOCABULARY) {
    const length = between === '' ? 2 + Math.floor(next() * 2) : 2 + Math.floor(next() * 3)
    words.add(Array.from({ length }, () => parts[Math.floor(next() * parts.length)]).join(''))
  }
  return { words: [...words], between }
}

/** How much of a text is in the words of which every text is full. */
const FREQUENT = 0.3

/** Draws numbers from 0 on, the nth in proportion to 1/(n + 2.7): Zipf's law as Mandelbrot mended it. */
const zipf = (size: number, next: () => number): (() => number) => {
  const sums = new Float64Array(size)
  for (let rank = 0; rank < size; rank++) sums[rank] = (sums[rank - 1] ?? 0) + 1 / (rank + 2.7)
  const total = sums[size - 1] ?? 0
  return () => {
    const drawn = next() * total
    let [low, high] = [0, size - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

type Body = {
  readonly subject: string
  readonly beginning: string
  readonly language: string | null
  /** As PostgreSQL reads a tsvector. */
  readonly words: string
  readonly has_attachment: boolean
}
type Person = {
  readonly name: string
  readonly address: string
  readonly as_from: string
  readonly as_to: string
}

export type MailWords = {
  readonly bodies: readonly Body[]
  readonly people: readonly Person[]
  /** The nth most frequent word of one of the languages. */
  readonly word: (language: number, rank: number) => string
}

const nobody = { from: [], to: [], cc: [], replyTo: [] }
const empty = { bcc: [], html: null, attachments: [], contentLanguage: '' }
const names = ['Anna', 'Jörg', 'Chloé', 'Иван', '伟', 'Sam', 'Lucía', 'Ayşe', 'Noor', 'Kofi']
const surnames = [
  'Lee',
  'Müller',
  'Dupont',
  'Петров',
  '王',
  'Smith',
  'García',
  'Yılmaz',
  'Haddad',
  'Mensah',
  'Novák',
]

/** Bodies and people whose mail it is, made into words by what makes those of real mail. */
export const mailWords = (of: { readonly bodies: number; readonly people: number }): MailWords => {
  const next = random(21)
  const vocabularies = languages.map((language) => vocabularyOf(language, next))
  const rank = zipf(VOCABULARY, next)
  const body = (_: unknown, nth: number): Body => {
    // Half of the mail is in the first language.
    const { words, between } = vocabularies[nth % 2 === 0 ? 0 : ((nth >> 1) % (vocabularies.length - 1)) + 1]!
    const word = (): string => words[next() < FREQUENT ? Math.floor(next() ** 2 * 20) : rank()]!
    const text = (length: number): string => Array.from({ length }, word).join(between)
    const subject = text(3 + Math.floor(next() * 5))
    const has_attachment = nth % 7 === 0
    const attachments = has_attachment ? [{ name: `${word()}_${nth}.pdf`, inline: false }] : []
    const mail = {
      ...empty,
      header: { ...nobody, subject },
      text: text(8 + Math.floor(next() ** 2 * 45)),
      attachments,
    }
    return { subject, has_attachment, ...wordsOfMail(mail) }
  }
  const person = (_: unknown, nth: number): Person => {
    const name = `${names[nth % names.length]} ${surnames[(nth >> 3) % surnames.length]}`
    const address = `person.${nth}@company${nth % 2000}.example`
    const wordsAs = (as: 'from' | 'to'): string =>
      wordsOfMail({ ...empty, header: { ...nobody, subject: '', [as]: [{ name, address }] }, text: '' }).words
    return { name, address, as_from: wordsAs('from'), as_to: wordsAs('to') }
  }
  return {
    bodies: Array.from({ length: of.bodies }, body),
    people: Array.from({ length: of.people }, person),
    word: (language, nth) => vocabularies[language]!.words[nth]!,
  }
}
