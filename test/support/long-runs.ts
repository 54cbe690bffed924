/** What `npm test -- --long` sets in the environment of test files. */
export const longVariable = 'TEST_LONG'

/** Whether this run may take long: then random tests have their full length, and bounds in time are held. */
export const isLong = process.env[longVariable] === '1'

/** How often something is tried: in every run, and in a long one. */
export const runs = (short: number, long: number): number => (isLong ? long : short)
