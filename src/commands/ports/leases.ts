/** A right to do something that one process has at a time. `generation` grows with every change of hands. */
export type Lease = {
  readonly name: string
  readonly generation: number
  /** Aborts when the lease is lost: work under it must stop. */
  readonly signal: AbortSignal
  release(): Promise<void>
}

export type Leases = {
  /** @returns null while another process holds it */
  acquire(name: string, signal: AbortSignal): Promise<Lease | null>
}
