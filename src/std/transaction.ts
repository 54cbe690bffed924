/** The pool of a driver such as pg. Pools have the second signature as well, and TypeScript needs both to match. */
type Pool<Of> = { connect: { (): Promise<Of>; (callback: never): void } }
type Client = { query(sql: string): Promise<unknown>; release(destroy?: boolean): void }

/** Runs a transaction on a connection of its own; `begin` may set options. An error rolls back and is rethrown. */
export const transaction = async <Of extends Client, Result>(
  pool: Pool<Of>,
  begin: string,
  work: (client: Of) => Promise<Result>,
): Promise<Result> => {
  const client = await pool.connect()
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    // If even the rollback fails, the connection is lost, and with it the transaction.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
    throw error
  }
}
