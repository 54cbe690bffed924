/** A read model that a command depends on did not catch up with the log in time. A repeat goes on. */
export class NotCaughtUp extends Error {
  override readonly name = 'NotCaughtUp'

  constructor() {
    super('What was recorded last cannot be seen everywhere yet.')
  }
}
