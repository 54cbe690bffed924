import t from 'tap'
import { decodeBytes, guessedCharset } from '../../../src/adapters/mime/charsets.ts'
import { decodeWords } from '../../../src/adapters/mime/encoded-words.ts'
import { readMail } from '../../../src/adapters/mime/read-mail.ts'

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')
const mail = (...lines: string[]) => readMail(latin(lines.join('\r\n')))

t.test('every spelling of a charset that is known is read', (t) => {
  for (const [text, hex, ...labels] of [
    [
      'Grüße',
      '4772fcdf65',
      'latin1',
      'iso_8859-1:1987',
      'x-iso-8859-1',
      'windows1252',
      'win-1252',
      'cp1252',
      '"ISO-8859-1"',
    ],
    [
      'Grüße',
      '4772c3bcc39f65',
      'UTF8',
      'utf_8',
      'x-utf-8',
      'cp65001',
      'utf-8;',
      'unicode-1-1-utf-8',
      "utf-8'",
    ],
    ['Grüße', '4772819865'.replace('98', 'e1'), 'cp437', 'ibm437', 'IBM850', 'cp-850'],
    ['Привет', 'f0d2c9d7c5d4', 'koi8-r', 'KOI8R', 'cskoi8r', 'x-koi8-r'],
    ['Привет', 'cff0e8e2e5f2', 'windows-1251', 'cp-1251', 'win1251', 'x-cp1251', 'MS1251'],
    ['日本', '93fa967b', 'shift_jis', 'sjis', 'x-sjis', 'cp932', 'MS_Kanji', 'windows-31j'],
    ['日本', 'c6fccbdc', 'euc-jp', 'x-euc-jp', 'eucjp', 'ujis', 'cp51932'],
    ['日本', '1b2442467c4b5c1b2842', 'iso-2022-jp', 'ISO2022JP', 'cp50220', 'csISO2022JP', 'iso-2022-jp-2'],
    ['중문', 'c1dfb9ae', 'euc-kr', 'ks_c_5601-1987', 'KSC5601', 'cp949', 'ms949', 'uhc'],
    ['中文', 'd6d0cec4', 'gb2312', 'gb_2312-80', 'x-gbk', 'cp936', 'ms936', 'GB18030', 'euc-cn'],
    ['中文', 'a4a4a4e5', 'big5', 'x-big5', 'cn-big5', 'cp950', 'big5-hkscs'],
    ['ไทย', 'e4b7c2', 'tis-620', 'TIS620', 'windows-874', 'cp874'],
    ['שלום', 'f9ece5ed', 'iso-8859-8-i', 'iso8859-8i', 'windows-1255', 'logical'],
    [
      'Grüße',
      '47722b41507741337725'.replace('25', '2d') + '65',
      'utf-7',
      'UTF7',
      'unicode-1-1-utf-7',
      'csUnicode11UTF7',
    ],
    ['Hé', 'fffe4800e900', 'utf-16', 'ucs-2', 'unicode'],
    ['Hé', 'feff004800e9', 'utf-16', 'UTF16', 'iso-10646-ucs-2'],
  ] as const)
    for (const label of labels) t.equal(decodeBytes(Buffer.from(hex, 'hex'), label), text, label)
  t.end()
})

t.test('a label that nobody knows, or that says nothing, leaves UTF-8 what it is', (t) => {
  for (const label of ['klingon-8', 'x-unknown', 'us-ascii', '', '8bit', 'default', 'a'.repeat(500)]) {
    t.equal(decodeBytes(Buffer.from('Grüße'), label), 'Grüße', label)
    t.equal(decodeBytes(latin('Gr\xfc\xdfe'), label), 'Grüße', label)
    t.equal(
      decodeBytes(latin('\xf0\xd2\xc9\xd7\xc5\xd4'), label, 'koi8-r'),
      'Привет',
      `${label} within koi8-r`,
    )
  }
  t.end()
})

t.test('8-bit text that nothing is said about is guessed by its letters', (t) => {
  const examples: readonly (readonly [string, Buffer])[] = [
    ['windows-1252', latin('Gr\xfc\xdfe aus K\xf6ln, d\xe9j\xe0 cr\xe9\xe9e')],
    ['windows-1252', latin('\xabcr\xe9\xe9e\xbb')],
    ['koi8-r', latin('\xf3\xde\xc5\xd4 \xda\xc1 \xce\xcf\xd1\xc2\xd2\xd8')],
    ['windows-1251', latin('\xd1\xf7\xe5\xf2 \xe7\xe0 \xed\xee\xff\xe1\xf0\xfc')],
    ['euc-kr', latin('\xba\xce\xb5\xbf\xbb\xea\xc1\xa4\xba\xb8')],
    ['gb18030', latin('\xca\xd6\xbb\xfa\xb6\xcc\xd0\xc5\xcf\xa2')],
  ]
  for (const [charset, bytes] of examples) t.equal(guessedCharset(bytes), charset, bytes.toString('latin1'))
  t.end()
})

t.test('encoded words are read, also where a character is cut in two', (t) => {
  for (const [written, text] of [
    ['=?utf-8?Q?Gr=C3?= =?UTF-8?Q?=BC=C3=9Fe?=', 'Grüße'],
    ['=?utf-8?B?8J+Y?=\t=?utf-8?Q?=80?=', '😀'],
    ['=?gb2312?B?1g==?= =?gb2312?B?0M7E?=', '中文'],
    ['=?big5?B?pKQ?= =?big5?B?pOU=?=', '中文'],
    ['=?big5?Q?=A4?= =?big5?Q?=A4=A4=E5?=', '中文'],
    ['=?euc-kr?B?wd+5?= =?euc-kr?B?rg==?=', '중문'],
    ['=?shift_jis?B?k/qW?= =?shift_jis?B?ew==?=', '日本'],
    ['=?utf-8?B?R3L?= =?utf-8?B?DvMOfZQ==?=', 'Grüße'],
    ['=?iso-2022-jp?B?GyRCRnwbKEI=?= =?ISO-2022-JP?B?GyRCS1wbKEI=?=', '日本'],
    ['=?utf-7?Q?Gr+APwA3w-e?=', 'Grüße'],
    ['=?unicode-1-1-utf-7?B?R3IrQVB3QTN3LWU=?=', 'Grüße'],
    ['=?utf-7?Q?+AP?= =?utf-7?Q?w-ber?=', 'über'],
    ['=?x-unknown?Q?Gr=C3=BC=C3=9Fe?=', 'Grüße'],
    ['=?utf-8*de?Q?M=C3=BCller?=', 'Müller'],
    ['=?utf-8?Q?a b?= and =?utf-8?Q?c?=  =?utf-8?Q?d?= e', 'a b and cd e'],
    ['a=?b?c', 'a=?b?c'],
  ] as const)
    t.equal(decodeWords(written), text, written)
  t.equal(decodeWords('=?x-unknown?Q?=F0=D2?=', 'koi8-r'), 'Пр', 'what nobody knows is read as the mail is')
  t.end()
})

t.test('raw 8-bit headers are UTF-8, else in the charset of the text, of a part too, else guessed', (t) => {
  const of = (...lines: string[]): string => mail(...lines).header.subject
  t.equal(of('Subject: Gr\xc3\xbc\xc3\x9fe', 'Content-Type: text/plain; charset=koi8-r', '', ''), 'Grüße')
  t.equal(of('Subject: \xf0\xd2\xc9', 'Content-Type: text/plain; charset=koi8-r', '', ''), 'При')
  t.equal(
    of(
      'Subject: \xc1\xdf\xb9\xae',
      'Content-Type: multipart/alternative; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=us-ascii',
      '',
      '--b',
      'Content-Type: text/html; charset=ks_c_5601-1987',
      '',
      '--b--',
    ),
    '중문',
  )
  t.equal(of('Subject: Gr\xfc\xdfe', 'Content-Type: text/plain; charset=utf-8', '', ''), 'Grüße')
  t.equal(of('Subject: \x1b$BF|K\\\x1b(B', '', ''), '日本')
  t.equal(
    of('Subject: Gr+APwA3w-e an C++ und +1-800', 'Content-Type: text/plain; charset=utf-7', '', ''),
    'Grüße an C++ und +1-800',
  )
  t.match(
    mail('From: \xf0\xd2\xc9 <a@x.test>', 'Content-Type: text/plain; charset=koi8-r', '', '').header.from,
    [{ name: 'При', address: 'a@x.test' }],
  )
  t.end()
})

t.test('a body is read in its charset, in that of its HTML, or guessed', (t) => {
  const html = mail(
    'Content-Type: text/html',
    '',
    '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>\xf0\xd2\xc9',
  )
  t.match(html.html, /<p>При/)
  t.equal(mail('Content-Type: text/plain; charset=x-nobody', '', 'Gr\xc3\xbc\xc3\x9fe').text, 'Grüße\n')
  t.equal(mail('', 'Gr\xfc\xdfe').text, 'Grüße\n')
  t.equal(mail('Content-Type: text/plain charset=koi8-r', '', '\xf0\xd2\xc9').text, 'При\n')
  t.end()
})
