import pg from 'pg'

/** `onError` is told of lost connections that were idle. */
export type PoolConfig = pg.PoolConfig & { readonly onError?: (error: Error) => void }

/**
 * A pool whose clients parse columns the way read models declare them: bigint as number (RangeError beyond 2^53),
 * timestamptz as RFC 3339 text in UTC with milliseconds, date as `2026-01-31`, json parsed. Applies to this pool only.
 * Arrays keep the driver's parsing: select `to_json(array)` if they matter.
 */
export const createPool = ({ onError = () => {}, ...config }: PoolConfig): pg.Pool => {
  const pool = new pg.Pool({ keepAlive: true, types: { getTypeParser }, ...config })
  pool.on('error', onError)
  // The pool removes its listener from a client that is checked out; without one, a lost connection would end the
  // process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * Whether the connection failed or the server was unavailable: the statement may or may not have been executed, and may
 * be retried if that is harmless. Everything else is an answer from the server, or a bug.
 */
export const isConnectionLoss = (error: unknown): boolean =>
  error instanceof pg.DatabaseError
    ? /^(08|53|57P)/.test(error.code ?? '')
    : error instanceof Error && !(error instanceof TypeError || error instanceof RangeError)

const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`The bigint ${text} is too large for a number`)
  return value
}

const usual: { getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown } = pg.types
const parseInstant = usual.getTypeParser(pg.types.builtins.TIMESTAMPTZ)

/** `infinity` is kept. A session in UTC writes the same text with different punctuation. */
const instant = (text: string): string => {
  if (text.endsWith('+00') && text[10] === ' ')
    return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, '0').slice(0, 3)}Z`
  const parsed = parseInstant(text)
  return parsed instanceof Date ? parsed.toISOString() : text
}

const own = new Map<number, (text: string) => unknown>([
  [pg.types.builtins.INT8, wholeNumber],
  [pg.types.builtins.TIMESTAMPTZ, instant],
  [pg.types.builtins.DATE, (text) => text],
])

const getTypeParser = (oid: number, format?: 'text' | 'binary'): ((text: string) => unknown) =>
  (format === 'binary' ? undefined : own.get(oid)) ?? usual.getTypeParser(oid, format)
