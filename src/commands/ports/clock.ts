/** The wall clock, as RFC 3339 in UTC with milliseconds. */
export type Clock = () => Date
