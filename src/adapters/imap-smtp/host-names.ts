/** A host name as it is compared: in lower case, without the dot at its end. */
export const plainHost = (host: string): string => host.toLowerCase().replace(/\.$/, '')

/** Whether a name is one of these, or below it in the DNS. */
export const isBelow = (host: string, names: readonly string[]): boolean =>
  names.some((name) => host === name || host.endsWith(`.${name}`))
