/**
 * Tells of what keeps happening: at once, then at most once in `everyMs`, with how often it happened since it was last
 * told.
 */
export const seldom = <Told>(
  everyMs: number,
  tell: (told: Told, times: number) => void,
  now: () => number = () => performance.now(),
): ((told: Told) => void) => {
  let toldAt = -Infinity
  let times = 0
  return (told) => {
    times++
    if (now() - toldAt < everyMs) return
    toldAt = now()
    tell(told, times)
    times = 0
  }
}
