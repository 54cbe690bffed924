import { StoreUnavailable } from './ports/event-log.ts'

/**
 * Whether the event log or the database did not answer, or had no room to do what was asked. That is no fault of what was
 * being worked on: it is tried again as soon as they are back.
 */
export const isOutage = (error: unknown): boolean => {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isOutage)
  return error instanceof StoreUnavailable || isDatabaseOutage(error)
}

// Shut down, starting up, disk full, out of memory, too many connections (PostgreSQL appendix A).
const states = new Set(['57P01', '57P02', '57P03', '53100', '53200', '53300', '08006'])
// Refused or reset connections; the socket of a local server is missing.
const systemErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT'])
// Errors of the driver have no code.
const ofDriver = /^(?:Connection terminated|Client has encountered|timeout exceeded when trying to connect)/

const isDatabaseOutage = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const { code = '', syscall } = error as NodeJS.ErrnoException
  if (states.has(code) || ofDriver.test(error.message)) return true
  // Files have these codes too.
  return systemErrors.has(code) && (syscall === 'connect' || syscall === 'read' || syscall === 'write')
}

/** A read model that a command depends on did not catch up with the log in time. A repeat goes on. */
export class NotCaughtUp extends Error {
  override readonly name = 'NotCaughtUp'

  constructor() {
    super('What was recorded last cannot be seen everywhere yet.')
  }
}
