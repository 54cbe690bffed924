import type { Chance } from './chance.ts'
import type { Person, World } from './world.ts'

const crlf = (lines: readonly string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1')

type Head = { to: Person; mark: string; from?: string; answers?: string }

const head = ({ to, mark, from = `Customer <c${mark}@client.test>`, answers }: Head): string[] => [
  `From: ${from}`,
  `To: ${to.name} <${to.address}>`,
  `Subject: About ${mark}`,
  `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
  `Message-ID: <${mark}@client.test>`,
  ...(answers === undefined ? [] : [`In-Reply-To: ${answers}`, `References: ${answers}`]),
  'MIME-Version: 1.0',
]

export const plain = (of: Head): Buffer =>
  crlf([...head(of), 'Content-Type: text/plain; charset=utf-8', '', `Words about ${of.mark}.`, ''])

const withFile = (of: Head, chance: Chance): Buffer => {
  const file = Buffer.from(Array.from({ length: chance.between(10, 3000) }, () => chance.between(0, 255)))
  return crlf([
    ...head(of),
    'Content-Type: multipart/mixed; boundary="part"',
    '',
    '--part',
    'Content-Type: text/html; charset=utf-8',
    '',
    `<p>Words about <b>${of.mark}</b></p>`,
    '--part',
    'Content-Type: application/octet-stream; name="data.bin"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="data.bin"',
    '',
    file.toString('base64').replace(/.{76}/g, '$&\r\n'),
    '--part--',
    '',
  ])
}

/** Malformed mail; the last ones exceed what may be read at all, and must be quarantined. */
const malformed: ((of: Head) => Buffer)[] = [
  ({ mark }) => crlf([`no header at all, only ${mark}`, '']),
  ({ mark }) => Buffer.from(mark),
  (of) => crlf([...head(of), 'Content-Type: multipart/mixed; boundary="never"', '', '--other', '', 'x']),
  (of) => crlf([...head(of), `Subject: \0\xff\xfe twice ${of.mark}`, 'Broken header line', '', 'a\0b']),
  (of) => crlf([...head(of), 'Content-Type: text/html; charset=klingon-8', '', '<p>\x80\x81<', '']),
  (of) => crlf([`From: <<>>@@ ${of.mark}`, 'To: ,,;', 'Date: yesterday', 'Message-ID: <<<', '', 'x']),
  (of) =>
    crlf([
      ...head(of),
      'Content-Type: multipart/mixed; boundary="p"',
      ...Array.from({ length: 1100 }, (_, n) => `\r\n--p\r\n\r\n${n}`),
      '--p--',
    ]),
  (of) => crlf([...head(of), `X-Long: ${'y '.repeat(140_000)}`, '', 'x']),
]

/** A mail from outside, and what it was made to be. */
export const incoming = (chance: Chance, to: Person, mark: string, { people, sunk }: World): Buffer => {
  const of = { to, mark }
  switch (chance.between(0, 11)) {
    case 0:
    case 1:
      return chance.pick(malformed)(of)
    case 2:
      return plain({ ...of, from: `Shop <offer${mark}@spam.test>` })
    case 3:
    case 4:
      return withFile(of, chance)
    case 5:
    case 6: {
      const own = sunk.filter(({ user }) => user === to.address)
      return plain(own.length === 0 ? of : { ...of, answers: chance.pick(own).messageId })
    }
    case 7:
      // From one of us to the other: found in two mailboxes.
      return plain({ ...of, from: `Us <${chance.pick(people).address}>` })
    default:
      return plain(of)
  }
}
