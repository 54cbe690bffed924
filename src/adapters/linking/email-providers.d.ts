declare module 'email-providers' {
  /** Domains of providers at which anybody can have an address. */
  const domains: readonly string[]
  export default domains
}
