import fs from 'node:fs'
import { join } from 'node:path'
import type { Evidence, Invariant } from '../evidence.ts'

/** Every form in which a secret may leak. */
const formsOf = (secret: string, user: string): string[] => {
  const bytes = Buffer.from(secret)
  const plain = Buffer.from(`\0${user}\0${secret}`)
  return [
    secret,
    // Base64 at each of the three offsets in a longer text, without its edges.
    ...[0, 1, 2].map((at) =>
      Buffer.concat([Buffer.alloc(at), bytes])
        .toString('base64')
        .slice(at + 2, -4),
    ),
    bytes.toString('hex'),
    plain.toString('base64'),
    encodeURIComponent(secret),
  ]
}

const canariesOf = ({ world, fire }: Evidence): { what: string; forms: string[] }[] => [
  ...world.onImap.map(({ address }) => ({
    what: `the password of ${address}`,
    forms: [...new Set(formsOf(world.passwords[address]!, address))],
  })),
  { what: 'a token or secret of a sign-in', forms: world.tokens().flatMap((token) => formsOf(token, '')) },
  { what: 'the API key', forms: [...new Set(formsOf(fire.key(), ''))] },
]

const STEP = 8 * 1024 * 1024

/** Whether one of the words is in the file; read in chunks that overlap by the longest word. */
const searchFile = (file: string, words: readonly string[]): string | undefined => {
  const longest = Math.max(...words.map(({ length }) => length))
  const handle = openIfThere(file)
  if (handle === null) return undefined
  try {
    const buffer = Buffer.allocUnsafe(STEP + longest)
    for (let at = 0; ; at += STEP) {
      const length = fs.readSync(handle, buffer, 0, buffer.length, at)
      const stretch = buffer.subarray(0, length)
      const found = words.find((word) => stretch.includes(word))
      if (found !== undefined || length < buffer.length) return found
    }
  } finally {
    fs.closeSync(handle)
  }
}

/** The database removes files while it runs. */
const openIfThere = (file: string): number | null => {
  try {
    return fs.openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Every row of every table as text; bytes are in hexadecimal, so words are searched in that form too. */
const searchTables = async (
  { pool }: Evidence,
  words: readonly string[],
): Promise<{ tables: number; found: string[] }> => {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const wanted = words.flatMap((word) => [word, Buffer.from(word).toString('hex')])
  const found: string[] = []
  for (const { name } of tables) {
    const { rows } = await pool.query<{ rows: number }>(
      `select count(*)::int as rows from ${name} t
       where exists (select from unnest($1::text[]) w where position(w in t::text) > 0)`,
      [wanted],
    )
    if ((rows[0]?.rows ?? 0) > 0) found.push(name)
  }
  return { tables: tables.length, found }
}

export const secretsAreNowhere: Invariant = {
  name: 'passwords, tokens and the API key are in no log line, event, table or file, in any form',
  atRest: false,
  check: async (evidence) => {
    const { folder } = evidence
    const canaries = canariesOf(evidence)
    const broken: string[] = []
    // Before the tables, so that no searched word gets there from us. The ledger is ours; everything else was written
    // by the service and its database.
    const files = fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name !== 'ledger.jsonl')
      .map((name) => join(folder, name))
      .filter((file) => fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() === true)
    for (const file of files)
      for (const { what, forms } of canaries)
        if (searchFile(file, forms) !== undefined) broken.push(`${what} is in ${file}`)
    let tables = 0
    for (const { what, forms } of canaries) {
      const looked = await searchTables(evidence, forms)
      ;({ tables } = looked)
      broken.push(...looked.found.map((name) => `${what} is in the table ${name}`))
    }
    return { looked: `${canaries.length} secrets in ${tables} tables and ${files.length} files`, broken }
  },
}
