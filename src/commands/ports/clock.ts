/** The wall clock. */
export type Clock = () => Date
