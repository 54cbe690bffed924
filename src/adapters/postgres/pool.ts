import pg from 'pg'

/** What `onError` is told: the losses of connections that nobody was using then. */
export type PoolConfig = pg.PoolConfig & { readonly onError?: (error: Error) => void }

/**
 * A pool whose clients read columns as read models declare them: bigint as number (RangeError beyond 2^53),
 * timestamptz as RFC 3339 text in UTC with milliseconds, date as `2026-01-31`, json parsed. It holds for this pool
 * alone; arrays keep the driver's parsing, so select `to_json(array)` where they matter.
 */
export const createPool = ({ onError = () => {}, ...config }: PoolConfig): pg.Pool => {
  const pool = new pg.Pool({ keepAlive: true, types: { getTypeParser }, ...config })
  pool.on('error', onError)
  // A client that is checked out has no listener of the pool: unheard, its lost connection would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/**
 * Whether the connection failed or the server was not to be had: what was asked may or may not have been done, and may
 * be asked again where that is harmless. Everything else is the server's answer, or a mistake of ours.
 */
export const isConnectionLoss = (error: unknown): boolean =>
  error instanceof pg.DatabaseError
    ? /^(08|53|57P)/.test(error.code ?? '')
    : error instanceof Error && !(error instanceof TypeError || error instanceof RangeError)

const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`The bigint ${text} does not fit a number`)
  return value
}

const usual: { getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown } = pg.types
const parseInstant = usual.getTypeParser(pg.types.builtins.TIMESTAMPTZ)

/** `infinity` stays as it is. What a session in UTC says needs no more than other punctuation. */
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
